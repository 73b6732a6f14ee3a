/* The keys of one outlet, or of the home, at a time: while a new one begins, the old one still fits.
 * Twin of hearthgrid_core.outlet.authentic.Keyring. */
#ifndef HEARTHGRID_KEYRING_H
#define HEARTHGRID_KEYRING_H

#include "authentic.h"

#define HG_KEY_MAX 64
#define HG_KEYRING_KEYS 4 /* one in force, the one before, and a second rotation meanwhile */

/* begins: it signs from then on; ends: it fits no more [s]. It fits before it begins. */
typedef struct {
  uint32_t epoch;
  double begins, ends;
  uint8_t secret[HG_KEY_MAX];
  size_t length;
} hg_key_t;

/* required: without a fitting code nothing is believed, also where there is no key at all. */
typedef struct {
  bool required;
  size_t count;
  hg_key_t keys[HG_KEYRING_KEYS];
} hg_keyring_t;

/* The ring of one key for ever; of none (length 0) that of a home without keys. HG_ERROR_ARGUMENT: too long. */
hg_status_t hg_keyring_of(hg_keyring_t *ring, const uint8_t *secret, size_t length);

/* Take one more key; where there is no room the one of the lowest epoch goes. */
void hg_keyring_add(hg_keyring_t *ring, const hg_key_t *key);

/* The newest key in force at `now` [s], NULL = there is none. */
const hg_key_t *hg_keyring_signs(const hg_keyring_t *ring, double now);

/* The key that has not ended and whose code this is, NULL = there is none. */
const hg_key_t *hg_keyring_fits(const hg_keyring_t *ring, double now, const uint8_t *packed, size_t length,
                                const uint8_t *mac, size_t mac_length);

#endif
