#include "key_image.h"

#include <math.h>
#include <string.h>

#include "journal.h"

#define HEAD 10U /* mark and length */

static const uint8_t MARK[8] = {'H', 'G', 'K', 'E', 'Y', 'S', ' ', '1'};

typedef struct {
  const uint8_t *bytes;
  size_t at, end;
  bool good;
} cursor_t;

static uint64_t take(cursor_t *c, size_t count)
{
  uint64_t value = 0;
  c->good = c->good && c->end - c->at >= count;
  for (size_t k = 0; k < count && c->good; k++) {
    value |= (uint64_t)c->bytes[c->at++] << 8 * k;
  }
  return value;
}

static double take_time(cursor_t *c)
{
  const uint64_t bits = take(c, 8);
  double value;
  memcpy(&value, &bits, sizeof value);
  c->good = c->good && !isnan(value);
  return value;
}

static void take_ring(cursor_t *c, hg_keyring_t *ring)
{
  const uint64_t count = take(c, 1);
  c->good = c->good && count <= HG_KEYRING_KEYS;
  for (uint64_t k = 0; k < count && c->good; k++) {
    hg_key_t key = {.epoch = (uint32_t)take(c, 4)};
    key.begins = take_time(c);
    key.ends = take_time(c);
    key.length = (size_t)take(c, 1);
    c->good = c->good && key.length > 0 && key.length <= HG_KEY_MAX && c->end - c->at >= key.length;
    if (c->good) {
      memcpy(key.secret, c->bytes + c->at, key.length);
      c->at += key.length;
      hg_keyring_add(ring, &key);
    }
  }
}

static void none(hg_keyring_t *ring)
{
  memset(ring, 0, sizeof *ring);
  ring->required = true;
}

hg_status_t hg_key_image_read(const uint8_t *bytes, size_t length, const char *outlet, hg_keyring_t *requests,
                              hg_keyring_t *ballots)
{
  bool blank = true;
  none(requests);
  none(ballots);
  for (size_t k = 0; k < length && k < HEAD; k++) {
    blank = blank && bytes[k] == 0xffU;
  }
  if (blank) {
    return HG_ERROR_SHORT;
  }
  cursor_t c = {.bytes = bytes, .at = sizeof MARK, .end = length, .good = length >= HEAD};
  c.good = c.good && memcmp(bytes, MARK, sizeof MARK) == 0;
  const size_t whole = (size_t)take(&c, 2);
  if (!c.good || whole < HEAD || whole > length || length - whole < 4U) {
    return HG_ERROR_DAMAGED;
  }
  cursor_t sum = {.bytes = bytes, .at = whole, .end = length, .good = true};
  if ((uint32_t)take(&sum, 4) != hg_crc32(0, bytes, (uint32_t)whole)) {
    return HG_ERROR_DAMAGED;
  }
  c.end = whole;
  const size_t name = (size_t)take(&c, 1);
  c.good = c.good && c.end - c.at >= name;
  if (!c.good || name != strlen(outlet) || memcmp(bytes + c.at, outlet, name) != 0) {
    return c.good ? HG_ERROR_ARGUMENT : HG_ERROR_DAMAGED;
  }
  c.at += name;
  take_ring(&c, requests);
  take_ring(&c, ballots);
  if (!c.good || c.at != c.end) {
    none(requests);
    none(ballots);
    return HG_ERROR_DAMAGED;
  }
  return HG_OK;
}
