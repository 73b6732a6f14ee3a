/* snprintf for texts of this application instead of newlib's, which allocates for floating point and shares state
 * between tasks. %% %c %s %d %i %u %x with flag 0, width, precision, l and ll; %f for numbers under 2^63, whose exact
 * half of a last digit may go either way. */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
  char *to;
  size_t room, length;
} text_t;

static void put(text_t *t, char c)
{
  if (t->length + 1 < t->room) {
    t->to[t->length] = c;
  }
  t->length++;
}

static void put_number(text_t *t, uint64_t value, unsigned base, bool negative, int width, char fill)
{
  char digits[20];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  if (negative && fill == '0') {
    put(t, '-');
  }
  for (int k = count + negative; k < width; k++) {
    put(t, fill);
  }
  if (negative && fill != '0') {
    put(t, '-');
  }
  while (count > 0) {
    put(t, digits[--count]);
  }
}

static void put_text(text_t *t, const char *text, int width, int precision)
{
  int length = 0;
  while ((precision < 0 || length < precision) && text[length] != 0) {
    length++;
  }
  for (int k = length; k < width; k++) {
    put(t, ' ');
  }
  for (int k = 0; k < length; k++) {
    put(t, text[k]);
  }
}

static void put_real(text_t *t, double value, int width, int precision)
{
  uint64_t scale = 1;
  const bool negative = value < 0.0;
  precision = precision < 0 ? 6 : precision > 9 ? 9 : precision;
  for (int k = 0; k < precision; k++) {
    scale *= 10U;
  }
  if (!isfinite(value) || fabs(value) >= 9.0e18 / (double)scale) {
    put_text(t, isnan(value) ? "nan" : negative ? "-inf" : "inf", width, -1);
    return;
  }
  const uint64_t scaled = (uint64_t)llrint(fabs(value) * (double)scale);
  put_number(t, scaled / scale, 10, negative && scaled > 0, precision > 0 ? width - precision - 1 : width, ' ');
  if (precision > 0) {
    put(t, '.');
    put_number(t, scaled % scale, 10, false, precision, '0');
  }
}

int vsnprintf(char *to, size_t room, const char *format, va_list values)
{
  text_t t = {to, room, 0};
  for (; *format != 0; format++) {
    if (*format != '%') {
      put(&t, *format);
      continue;
    }
    int width = 0, precision = -1, longs = 0;
    format++;
    const char fill = *format == '0' ? '0' : ' ';
    for (; *format >= '0' && *format <= '9'; format++) {
      width = 10 * width + (*format - '0');
    }
    if (*format == '.') {
      precision = 0;
      for (format++; *format >= '0' && *format <= '9'; format++) {
        precision = 10 * precision + (*format - '0');
      }
    }
    for (; *format == 'l' || *format == 'z'; format++) {
      longs += *format == 'l';
    }
    if (*format == 's') {
      put_text(&t, va_arg(values, const char *), width, precision);
    } else if (*format == 'f') {
      put_real(&t, va_arg(values, double), width, precision);
    } else if (*format == 'c') {
      put(&t, (char)va_arg(values, int));
    } else if (*format == 'd' || *format == 'i') {
      const int64_t value = longs > 1 ? va_arg(values, long long) : va_arg(values, int);
      put_number(&t, value < 0 ? 0U - (uint64_t)value : (uint64_t)value, 10, value < 0, width, fill);
    } else if (*format == 'u' || *format == 'x') {
      const uint64_t value = longs > 1 ? va_arg(values, unsigned long long) : va_arg(values, unsigned);
      put_number(&t, value, *format == 'x' ? 16 : 10, false, width, fill);
    } else if (*format == '%') {
      put(&t, '%');
    } else { /* not one of ours: shown as it stands, and nothing behind it can be told */
      put(&t, '%');
      break;
    }
  }
  if (room > 0) {
    to[t.length < room ? t.length : room - 1] = 0;
  }
  return (int)t.length;
}

int snprintf(char *to, size_t room, const char *format, ...)
{
  va_list values;
  va_start(values, format);
  const int length = vsnprintf(to, room, format, values);
  va_end(values);
  return length;
}
