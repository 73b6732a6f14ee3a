#include "authentic.h"

#include <string.h>

#include "bytes.h"
#include "sha256.h"

static uint8_t *put_float(uint8_t *to, float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return hg_put(to, bits, sizeof bits);
}

hg_status_t hg_pack(const hg_wire_request_t *request, uint8_t *out, size_t capacity, size_t *length)
{
  static const char LABEL[] = HG_AUTHENTIC_LABEL;
  const size_t label = sizeof LABEL - 1, numbers = 42, lengths = 4;
  const char *reason_end = memchr(request->reason, 0, sizeof request->reason);
  const char *sender_end = memchr(request->sender, 0, sizeof request->sender);
  if (reason_end == NULL || sender_end == NULL) {
    return HG_ERROR_ARGUMENT;
  }
  const size_t reason = (size_t)(reason_end - request->reason), sender = (size_t)(sender_end - request->sender);
  if (label + numbers + lengths + reason + sender > capacity) {
    return HG_ERROR_ARGUMENT;
  }
  memcpy(out, LABEL, label);
  uint8_t *to = hg_put(out + label, (uint64_t)request->stamp, 8);
  to = hg_put(to, (uint64_t)request->expiry, 8);
  to = hg_put(to, request->voice, 1);
  to = hg_put(to, request->epoch, 4);
  to = hg_put(to, request->term, 4);
  to = hg_put(to, request->provisional, 1);
  to = hg_put(to, request->counter, 8);
  to = put_float(to, request->power_min);
  to = put_float(to, request->power_max);
  to = hg_put_text(to, request->reason, reason);
  to = hg_put_text(to, request->sender, sender);
  *length = (size_t)(to - out);
  return HG_OK;
}

hg_status_t hg_pack_relay(int64_t stamp, const char *outlet, bool closed, float power_max, uint64_t counter,
                          uint8_t *out, size_t capacity, size_t *length)
{
  static const char LABEL[] = HG_RELAY_LABEL;
  const size_t label = sizeof LABEL - 1, numbers = 21, text = strlen(outlet);
  if (label + numbers + 2 + text > capacity) {
    return HG_ERROR_ARGUMENT;
  }
  memcpy(out, LABEL, label);
  uint8_t *to = hg_put(out + label, (uint64_t)stamp, 8);
  to = hg_put(to, closed, 1);
  to = put_float(to, power_max);
  to = hg_put(to, counter, 8);
  to = hg_put_text(to, outlet, text);
  *length = (size_t)(to - out);
  return HG_OK;
}

void hg_sign(const uint8_t *key, size_t key_length, const uint8_t *packed, size_t length,
             uint8_t mac[HG_AUTHENTIC_MAC_BYTES])
{
  uint8_t digest[HG_SHA256_BYTES];
  hg_hmac_sha256(key, key_length, packed, length, digest);
  memcpy(mac, digest, HG_AUTHENTIC_MAC_BYTES);
}

bool hg_authentic(const uint8_t *key, size_t key_length, const uint8_t *packed, size_t length, const uint8_t *mac,
                  size_t mac_length)
{
  uint8_t expected[HG_AUTHENTIC_MAC_BYTES];
  unsigned differ = 0;
  if (mac_length != sizeof expected) {
    return false;
  }
  hg_sign(key, key_length, packed, length, expected);
  for (size_t k = 0; k < sizeof expected; k++) {
    differ |= (unsigned)(expected[k] ^ mac[k]);
  }
  return differ == 0;
}
