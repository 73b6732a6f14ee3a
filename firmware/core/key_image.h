/* The keys of one outlet as they lie in a sector of a board's flash, beside the firmware: written there by whoever has
 * the board in hand, never over the air. hearthgrid/board_keys.py writes the same bytes. */
#ifndef HEARTHGRID_KEY_IMAGE_H
#define HEARTHGRID_KEY_IMAGE_H

#include "keyring.h"

/* Mark, length, name, two rings, check sum. */
#define HG_KEY_IMAGE_MAX (8U + 2U + 1U + 32U + 2U * (1U + HG_KEYRING_KEYS * (4U + 8U + 8U + 1U + HG_KEY_MAX)) + 4U)

/* The rings in an image, which both require codes. HG_ERROR_SHORT: it was never written (blank flash).
 * HG_ERROR_DAMAGED: it is none, or damaged. HG_ERROR_ARGUMENT: it is another outlet's. But for HG_OK both rings are empty
 * and require a code: nobody is believed. */
hg_status_t hg_key_image_read(const uint8_t *bytes, size_t length, const char *outlet, hg_keyring_t *requests,
                              hg_keyring_t *ballots);

#endif
