/* Message authentication of requests: HMAC-SHA256 cut to 16 bytes, over bytes that are the same on every machine. */
#ifndef HEARTHGRID_AUTHENTIC_H
#define HEARTHGRID_AUTHENTIC_H

#include "common.h"

#define HG_REASON_LENGTH 128
#define HG_SENDER_LENGTH 32
#define HG_PACKED_MAX 256

/* The fields of Request.msg that a code covers, as they are on the wire; texts end in 0. */
typedef struct {
  int64_t stamp, expiry; /* [ns since the epoch] */
  uint64_t counter;
  uint32_t epoch, term;
  float power_min, power_max; /* [W] */
  uint8_t voice;
  bool provisional;
  char reason[HG_REASON_LENGTH + 1];
  char sender[HG_SENDER_LENGTH + 1];
} hg_wire_request_t;

/* Write the bytes a code is computed over; HG_ERROR_ARGUMENT for a text without end or too little room. */
hg_status_t hg_pack(const hg_wire_request_t *request, uint8_t *out, size_t capacity, size_t *length);

/* The same for the command of a relay. */
hg_status_t hg_pack_relay(int64_t stamp, const char *outlet, bool closed, float power_max, uint64_t counter,
                          uint8_t *out, size_t capacity, size_t *length);

void hg_sign(const uint8_t *key, size_t key_length, const uint8_t *packed, size_t length,
             uint8_t mac[HG_AUTHENTIC_MAC_BYTES]);

/* Whether `mac` is the code of `packed`; takes as long for a near miss as for a far one. */
bool hg_authentic(const uint8_t *key, size_t key_length, const uint8_t *packed, size_t length, const uint8_t *mac,
                  size_t mac_length);

#endif
