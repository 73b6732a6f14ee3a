/* Words of members under the home's key: nobody else can speak for one of them, and nothing is heard twice.
 * Twin of hearthgrid_core.island.signed. */
#ifndef HEARTHGRID_SEAL_H
#define HEARTHGRID_SEAL_H

#include "authentic.h"
#include "ballot.h"

#define HG_BALLOT_PACKED_MAX 448
#define HG_SEAL_HEARD 256 /* words that may be fresh at a time; one more is refused, and said again by its sender */

typedef enum {
  HG_SEAL_GOOD = 0,
  HG_SEAL_UNSIGNED,
  HG_SEAL_FORGED,
  HG_SEAL_STALE,
  HG_SEAL_REPLAYED,
  HG_SEAL_CROWDED
} hg_seal_refusal_t;

typedef struct {
  const uint8_t *key; /* the caller's; length 0 = nothing is signed, and everybody believed */
  size_t key_length;
  double age_max;     /* a word stamped farther from now, either way, is refused [s] */
  struct {
    double until; /* still a copy could pass for fresh [s] */
    uint8_t mac[HG_AUTHENTIC_MAC_BYTES];
  } heard[HG_SEAL_HEARD];
} hg_seal_t;

/* HG_ERROR_ARGUMENT: an age that is not above 0, or no key where there should be one. */
hg_status_t hg_seal_init(hg_seal_t *seal, const uint8_t *key, size_t key_length, double age_max);

/* Write the bytes a ballot's code is computed over. stamp: as on the wire [ns since the epoch]. HG_ERROR_ARGUMENT: a
 * text without end, too many members, or too little room. */
hg_status_t hg_ballot_pack(const hg_wire_ballot_t *wire, int64_t stamp, uint8_t *out, size_t capacity, size_t *length);

/* Sign a ballot; returns the code's length, 0 = there is no key, or the ballot cannot be packed. */
size_t hg_seal_sign(const hg_seal_t *seal, const hg_wire_ballot_t *wire, int64_t stamp,
                    uint8_t mac[HG_AUTHENTIC_MAC_BYTES]);

/* Whether a ballot is heard at `now` [s since the epoch], or why not; a NaN of `now` (no clock yet) is stale. */
hg_seal_refusal_t hg_seal_judge(hg_seal_t *seal, double now, const hg_wire_ballot_t *wire, int64_t stamp,
                                const uint8_t *mac, size_t mac_length);

#endif
