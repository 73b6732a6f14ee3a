#include "seal.h"

#include <math.h>
#include <string.h>

#include "bytes.h"

hg_status_t hg_seal_init(hg_seal_t *seal, const uint8_t *key, size_t key_length, double age_max)
{
  if (!(age_max > 0.0) || (key == NULL && key_length > 0)) {
    return HG_ERROR_ARGUMENT;
  }
  memset(seal, 0, sizeof *seal);
  seal->key = key;
  seal->key_length = key_length;
  seal->age_max = age_max;
  for (size_t k = 0; k < HG_SEAL_HEARD; k++) {
    seal->heard[k].until = -(double)INFINITY;
  }
  return HG_OK;
}

hg_status_t hg_ballot_pack(const hg_wire_ballot_t *wire, int64_t stamp, uint8_t *out, size_t capacity, size_t *length)
{
  static const char LABEL[] = HG_BALLOT_LABEL;
  const char *texts[3 + HG_COMMITTEE_SIZE_MAX] = {wire->sender, wire->receiver, wire->leader};
  size_t lengths[3 + HG_COMMITTEE_SIZE_MAX], total = sizeof LABEL - 1 + 45;
  if (wire->count > HG_COMMITTEE_SIZE_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  for (size_t k = 0; k < 3 + wire->count; k++) {
    texts[k] = k < 3 ? texts[k] : wire->committee[k - 3];
    const char *end = memchr(texts[k], 0, HG_MEMBER_LENGTH + 1);
    if (end == NULL) {
      return HG_ERROR_ARGUMENT;
    }
    lengths[k] = (size_t)(end - texts[k]);
    total += 2 + lengths[k];
  }
  if (total > capacity) {
    return HG_ERROR_ARGUMENT;
  }
  memcpy(out, LABEL, sizeof LABEL - 1);
  uint8_t *to = hg_put(out + sizeof LABEL - 1, (uint64_t)stamp, 8);
  to = hg_put(to, wire->kind, 1);
  to = hg_put(to, wire->incarnation, 8);
  to = hg_put(to, wire->epoch, 4);
  to = hg_put(to, wire->term, 4);
  to = hg_put(to, wire->round, 8);
  to = hg_put(to, wire->granted, 1);
  to = hg_put(to, wire->committee_term, 4);
  to = hg_put(to, wire->committee_version, 4);
  to = hg_put(to, wire->mode, 1);
  to = hg_put(to, wire->remembers, 1);
  to = hg_put(to, wire->count, 1);
  for (size_t k = 0; k < 3 + wire->count; k++) {
    to = hg_put_text(to, texts[k], lengths[k]);
  }
  *length = (size_t)(to - out);
  return HG_OK;
}

size_t hg_seal_sign(const hg_seal_t *seal, const hg_wire_ballot_t *wire, int64_t stamp,
                    uint8_t mac[HG_AUTHENTIC_MAC_BYTES])
{
  uint8_t packed[HG_BALLOT_PACKED_MAX];
  size_t length;
  if (seal->key_length == 0 || hg_ballot_pack(wire, stamp, packed, sizeof packed, &length) != HG_OK) {
    return 0;
  }
  hg_sign(seal->key, seal->key_length, packed, length, mac);
  return HG_AUTHENTIC_MAC_BYTES;
}

hg_seal_refusal_t hg_seal_judge(hg_seal_t *seal, double now, const hg_wire_ballot_t *wire, int64_t stamp,
                                const uint8_t *mac, size_t mac_length)
{
  uint8_t packed[HG_BALLOT_PACKED_MAX];
  size_t length, place = HG_SEAL_HEARD;
  if (seal->key_length == 0) {
    return HG_SEAL_GOOD;
  }
  if (mac_length == 0) {
    return HG_SEAL_UNSIGNED;
  }
  if (hg_ballot_pack(wire, stamp, packed, sizeof packed, &length) != HG_OK ||
      !hg_authentic(seal->key, seal->key_length, packed, length, mac, mac_length)) {
    return HG_SEAL_FORGED;
  }
  const double at = (double)stamp / 1e9;
  if (!(fabs(now - at) <= seal->age_max)) {
    return HG_SEAL_STALE;
  }
  for (size_t k = 0; k < HG_SEAL_HEARD; k++) {
    if (!(now <= seal->heard[k].until)) {
      place = k;
    } else if (memcmp(seal->heard[k].mac, mac, HG_AUTHENTIC_MAC_BYTES) == 0) {
      return HG_SEAL_REPLAYED;
    }
  }
  if (place == HG_SEAL_HEARD) {
    return HG_SEAL_CROWDED;
  }
  seal->heard[place].until = (now > at ? now : at) + seal->age_max;
  memcpy(seal->heard[place].mac, mac, HG_AUTHENTIC_MAC_BYTES);
  return HG_SEAL_GOOD;
}
