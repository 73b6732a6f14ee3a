#include "keyring.h"

#include <math.h>
#include <string.h>

hg_status_t hg_keyring_of(hg_keyring_t *ring, const uint8_t *secret, size_t length)
{
  memset(ring, 0, sizeof *ring);
  if (length > HG_KEY_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  if (length > 0) {
    ring->required = true;
    ring->count = 1;
    ring->keys[0] = (hg_key_t){.epoch = 1, .begins = -(double)INFINITY, .ends = (double)INFINITY, .length = length};
    memcpy(ring->keys[0].secret, secret, length);
  }
  return HG_OK;
}

void hg_keyring_add(hg_keyring_t *ring, const hg_key_t *key)
{
  size_t place = ring->count;
  if (place == HG_KEYRING_KEYS) {
    place = 0;
    for (size_t k = 1; k < HG_KEYRING_KEYS; k++) {
      place = ring->keys[k].epoch < ring->keys[place].epoch ? k : place;
    }
    if (key->epoch < ring->keys[place].epoch) {
      return;
    }
  } else {
    ring->count++;
  }
  ring->keys[place] = *key;
}

const hg_key_t *hg_keyring_signs(const hg_keyring_t *ring, double now)
{
  const hg_key_t *found = NULL;
  for (size_t k = 0; k < ring->count; k++) {
    const hg_key_t *key = &ring->keys[k];
    if (key->begins <= now && now < key->ends && (found == NULL || key->epoch > found->epoch)) {
      found = key;
    }
  }
  return found;
}

const hg_key_t *hg_keyring_fits(const hg_keyring_t *ring, double now, const uint8_t *packed, size_t length,
                                const uint8_t *mac, size_t mac_length)
{
  const hg_key_t *found = NULL;
  for (size_t k = 0; k < ring->count; k++) { /* all of them, so that it takes as long whichever it is */
    const hg_key_t *key = &ring->keys[k];
    if (now < key->ends && hg_authentic(key->secret, key->length, packed, length, mac, mac_length)) {
      found = key;
    }
  }
  return found;
}
