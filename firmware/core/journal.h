/* What must survive a loss of power, in two sectors of flash memory: records one behind the other, the newest counts.
 * A record is programmed once, looked at, and only then marked as done; what is cut off in the middle of either is as
 * if it had not been. A sector is erased only while the other one holds the newest record and has a place left, so that
 * what an erasure cut off leaves behind can never be taken for something newer. */
#ifndef HEARTHGRID_JOURNAL_H
#define HEARTHGRID_JOURNAL_H

#include "common.h"

#define HG_JOURNAL_WORD 32U     /* bytes programmed at once; a whole one, and once only, where the flash has ECC */
#define HG_JOURNAL_PAYLOAD 1024U /* longest of what is packed before it is written; others are kept as they stand */

/* The medium. read, program (ones to zeros, whole words) and erase (one of two sectors, to ones) return false when they
 * fail. sync: what was programmed lasts, in whatever order it is written; NULL = it does at once.
 * slot: bytes of a record, a multiple of the word; at least two fit in a sector. */
typedef struct {
  bool (*read)(void *context, uint32_t at, uint8_t *out, uint32_t count);
  bool (*program)(void *context, uint32_t at, const uint8_t *bytes, uint32_t count);
  bool (*erase)(void *context, uint32_t sector);
  bool (*sync)(void *context);
  void *context;
  uint32_t sector, slot; /* [B] */
} hg_flash_t;

typedef struct {
  hg_flash_t flash;
  uint32_t slots;    /* in a sector */
  uint32_t active;   /* the sector with the newest record */
  uint32_t tail[2];  /* the next slot of each */
  uint32_t sequence; /* of the next record */
  bool tidy;         /* the other sector has been erased since the active one became it */
  bool doubtful;     /* something newer was lost: the first record that is written ends that */
} hg_journal_t;

/* Longest payload of a slot. [B] */
uint32_t hg_journal_room(const hg_flash_t *flash);

/* Find the newest record; *length 0 = nothing was ever written. HG_ERROR_ARGUMENT: no such medium, or it does not fit
 * in `capacity`. HG_ERROR_DAMAGED: what was acknowledged cannot be read any more, and an older one must not stand in
 * for it; write the next one, and treat all as lost. HG_ERROR_MEDIUM: reading fails. */
hg_status_t hg_journal_open(hg_journal_t *j, const hg_flash_t *flash, uint8_t *out, uint32_t capacity,
                            uint32_t *length);

/* Keep a record, 1 … room bytes. HG_OK: it is on the medium, and no older one comes back. HG_ERROR_MEDIUM: it may or
 * may not be; another try goes to another place. */
hg_status_t hg_journal_write(hg_journal_t *j, const uint8_t *payload, uint32_t length);

/* Erase the other sector in a quiet moment, so that no write has to wait for it: the last place of a sector does. */
hg_status_t hg_journal_tidy(hg_journal_t *j);

/* CRC-32 as in IEEE 802.3, of `count` bytes more; begins and goes on with what it returned, first 0. */
uint32_t hg_crc32(uint32_t before, const uint8_t *bytes, uint32_t count);

#endif
