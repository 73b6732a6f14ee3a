#include "input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *what, const char *file, int line)
{
  fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, what);
  abort();
}

uint64_t take(input_t *in, size_t bytes)
{
  uint64_t value = 0;
  for (size_t k = 0; k < bytes && in->size > 0; k++, in->size--) {
    value |= (uint64_t)*in->data++ << 8 * k;
  }
  return value;
}

double number(input_t *in, double usual)
{
  static const double SPECIAL[] = {0.0, -0.0, 1e-300, -1.0, 1e300};
  const uint64_t kind = take(in, 1);
  double value = usual;
  if (kind < 5) {
    return SPECIAL[kind];
  }
  if (kind < 8) {
    return kind == 5 ? (double)NAN : kind == 6 ? (double)INFINITY : -(double)INFINITY;
  }
  if (kind < 128) {
    const uint64_t bits = take(in, 8);
    memcpy(&value, &bits, sizeof value);
  }
  return value;
}

void name(input_t *in, char *out, size_t size)
{
  static const char *const KNOWN[] = {"", "kettle", "lamp", "fridge"};
  const uint64_t kind = take(in, 1);
  memset(out, 0, size);
  if (kind < 200) {
    memcpy(out, KNOWN[kind % 4], strlen(KNOWN[kind % 4]));
    return;
  }
  for (size_t k = 0; k < (kind < 250 ? 1 + kind % 8 : size); k++) {
    out[k] = (char)take(in, 1);
  }
}

void any(input_t *in, void *out, size_t size)
{
  for (size_t k = 0; k < size; k++) {
    ((uint8_t *)out)[k] = (uint8_t)take(in, 1);
  }
}
