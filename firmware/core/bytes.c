#include "bytes.h"

#include <string.h>

uint8_t *hg_put(uint8_t *to, uint64_t value, size_t bytes)
{
  for (size_t k = 0; k < bytes; k++) {
    *to++ = (uint8_t)(value >> (8 * k));
  }
  return to;
}

uint8_t *hg_put_text(uint8_t *to, const char *text, size_t length)
{
  to = hg_put(to, length, 2);
  memcpy(to, text, length);
  return to + length;
}
