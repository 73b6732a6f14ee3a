#include "journal.h"

#include <string.h>

#define MAGIC 0x4a4847a5U
#define HEAD 12U /* magic, sequence, length; the check sum follows the payload, the mark has the slot's last word */
#define SUM 4U
#define BLANK 0xffU

/* Whole ones have a right check sum, and marked ones were acknowledged besides. */
typedef enum { SLOT_BLANK, SLOT_TORN, SLOT_WHOLE, SLOT_WHOLE_MARKED, SLOT_ROTTEN } slot_t;

uint32_t hg_crc32(uint32_t before, const uint8_t *bytes, uint32_t count)
{
  uint32_t crc = ~before;
  for (uint32_t k = 0; k < count; k++) {
    crc ^= bytes[k];
    for (int bit = 0; bit < 8; bit++) {
      crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
  }
  return ~crc;
}

static void put32(uint8_t *out, uint32_t value)
{
  for (uint32_t k = 0; k < 4; k++) {
    out[k] = (uint8_t)(value >> 8 * k);
  }
}

static uint32_t get32(const uint8_t *in)
{
  return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static bool all(const uint8_t *bytes, uint32_t count, uint8_t value)
{
  for (uint32_t k = 0; k < count; k++) {
    if (bytes[k] != value) {
      return false;
    }
  }
  return true;
}

static uint32_t address(const hg_journal_t *j, uint32_t sector, uint32_t place)
{
  return sector * j->flash.sector + place * j->flash.slot;
}

/* What a slot holds: all its words are looked at. A word that cannot be read, as one is where ECC sees a program cut
 * off, counts as torn. */
static slot_t look(const hg_journal_t *j, uint32_t at, uint32_t *sequence, uint32_t *length)
{
  uint8_t word[HG_JOURNAL_WORD], sum[SUM] = {0};
  const uint32_t room = hg_journal_room(&j->flash);
  uint32_t crc = 0, end = HEAD;
  bool blank = true, marked = false, readable = true, formed = false;
  for (uint32_t start = 0; start < j->flash.slot; start += HG_JOURNAL_WORD) {
    if (!j->flash.read(j->flash.context, at + start, word, HG_JOURNAL_WORD)) {
      readable = blank = false;
      continue;
    }
    blank = blank && all(word, HG_JOURNAL_WORD, BLANK);
    if (start == 0) {
      *sequence = get32(word + 4);
      *length = get32(word + 8);
      formed = get32(word) == MAGIC && *length >= 1 && *length <= room;
      end = formed ? HEAD + *length : HEAD;
    }
    if (start + HG_JOURNAL_WORD == j->flash.slot) {
      marked = !all(word, HG_JOURNAL_WORD, BLANK);
    }
    for (uint32_t k = 0; k < HG_JOURNAL_WORD; k++) {
      if (start + k < end) {
        crc = hg_crc32(crc, word + k, 1);
      } else if (start + k < end + SUM) {
        sum[start + k - end] = word[k];
      }
    }
  }
  if (blank) {
    return SLOT_BLANK;
  }
  if (readable && formed && crc == get32(sum)) {
    return marked ? SLOT_WHOLE_MARKED : SLOT_WHOLE;
  }
  return marked ? SLOT_ROTTEN : SLOT_TORN;
}

uint32_t hg_journal_room(const hg_flash_t *flash)
{
  return flash->slot - HG_JOURNAL_WORD - HEAD - SUM;
}

static bool lasts(const hg_journal_t *j) { return j->flash.sync == NULL || j->flash.sync(j->flash.context); }

static bool mark(const hg_journal_t *j, uint32_t at)
{
  const uint8_t zeros[HG_JOURNAL_WORD] = {0};
  uint8_t word[HG_JOURNAL_WORD];
  const uint32_t place = at + j->flash.slot - HG_JOURNAL_WORD;
  return j->flash.program(j->flash.context, place, zeros, HG_JOURNAL_WORD) && lasts(j) &&
         j->flash.read(j->flash.context, place, word, HG_JOURNAL_WORD) && all(word, HG_JOURNAL_WORD, 0);
}

hg_status_t hg_journal_open(hg_journal_t *j, const hg_flash_t *flash, uint8_t *out, uint32_t capacity, uint32_t *length)
{
  *length = 0;
  if (flash->read == NULL || flash->program == NULL || flash->erase == NULL || flash->slot < 2U * HG_JOURNAL_WORD ||
      flash->slot % HG_JOURNAL_WORD != 0 || flash->sector > UINT32_MAX / 2U || flash->sector / 2U < flash->slot) {
    return HG_ERROR_ARGUMENT;
  }
  *j = (hg_journal_t){.flash = *flash, .slots = flash->sector / flash->slot};
  uint32_t damaged = 0, newest = 0, newest_at = 0, size = 0;
  bool known = false, marked = false, wholes[2] = {false, false};
  bool rotten[2] = {false, false}; /* behind all whole ones */
  for (uint32_t sector = 0; sector < 2; sector++) {
    for (uint32_t place = 0; place < j->slots; place++) {
      uint32_t sequence = 0, bytes = 0;
      const slot_t slot = look(j, address(j, sector, place), &sequence, &bytes);
      const bool whole = slot == SLOT_WHOLE || slot == SLOT_WHOLE_MARKED;
      j->tail[sector] = slot == SLOT_BLANK ? j->tail[sector] : place + 1;
      damaged += slot == SLOT_TORN || slot == SLOT_ROTTEN;
      rotten[sector] = slot == SLOT_ROTTEN || (rotten[sector] && !whole);
      wholes[sector] = wholes[sector] || whole;
      if (whole && (!known || sequence > newest)) {
        known = true;
        marked = slot == SLOT_WHOLE_MARKED;
        newest = sequence;
        newest_at = address(j, sector, place);
        size = bytes;
        j->active = sector;
      }
    }
  }
  j->sequence = newest + 1U + damaged; /* above any that a damaged slot may have had */
  /* The other sector is the newer one only if this one is full, and nothing whole, which would be older, is in it. */
  const uint32_t other = 1U - j->active;
  const bool newer = j->tail[j->active] == j->slots && !wholes[other] && rotten[other];
  if (known ? rotten[j->active] || newer : damaged > 0) {
    j->doubtful = true;
    return HG_ERROR_DAMAGED;
  }
  if (size > capacity) {
    return HG_ERROR_ARGUMENT;
  }
  if (known && ((!marked && !mark(j, newest_at)) ||
                !j->flash.read(j->flash.context, newest_at + HEAD, out, size))) {
    return HG_ERROR_MEDIUM;
  }
  *length = size;
  return HG_OK;
}

static hg_status_t clear_other(hg_journal_t *j)
{
  const uint32_t other = 1U - j->active;
  if (!j->flash.erase(j->flash.context, other)) {
    return HG_ERROR_MEDIUM;
  }
  j->tail[other] = 0;
  j->tidy = true;
  return HG_OK;
}

/* Whether the active sector is full and the other one ready. In its last place none may begin: it would be full before
 * this one could be erased. What fills it then was cut off and bears no mark, so it may be erased without doubt. */
static bool ready(const hg_journal_t *j)
{
  return j->tail[j->active] == j->slots && j->tail[1U - j->active] + 1U < j->slots;
}

hg_status_t hg_journal_tidy(hg_journal_t *j) { return j->tidy || ready(j) ? HG_OK : clear_other(j); }

/* Program head, payload, check sum; blank bytes fill the last word. */
static bool program(const hg_journal_t *j, uint32_t at, const uint8_t *payload, uint32_t length)
{
  uint8_t head[HEAD], sum[SUM];
  put32(head, MAGIC);
  put32(head + 4, j->sequence);
  put32(head + 8, length);
  put32(sum, hg_crc32(hg_crc32(0, head, HEAD), payload, length));
  const uint32_t end = HEAD + length;
  for (uint32_t start = 0; start < end + SUM; start += HG_JOURNAL_WORD) {
    uint8_t word[HG_JOURNAL_WORD];
    for (uint32_t k = 0; k < HG_JOURNAL_WORD; k++) {
      const uint32_t place = start + k;
      word[k] = place < HEAD ? head[place]
                             : place < end ? payload[place - HEAD] : place < end + SUM ? sum[place - end] : BLANK;
    }
    if (!j->flash.program(j->flash.context, at + start, word, HG_JOURNAL_WORD)) {
      return false;
    }
  }
  return true;
}

hg_status_t hg_journal_write(hg_journal_t *j, const uint8_t *payload, uint32_t length)
{
  if (length < 1 || length > hg_journal_room(&j->flash)) {
    return HG_ERROR_ARGUMENT;
  }
  const uint32_t other = 1U - j->active;
  const bool last = j->tail[j->active] + 1U == j->slots;
  const bool stuck = j->tail[j->active] == j->slots && !ready(j);
  if ((stuck && clear_other(j) != HG_OK) || (last && hg_journal_tidy(j) != HG_OK)) {
    return HG_ERROR_MEDIUM;
  }
  const uint32_t sector = j->tail[j->active] < j->slots ? j->active : other;
  const uint32_t at = address(j, sector, j->tail[sector]), sequence = j->sequence;
  const bool programmed = program(j, at, payload, length) && lasts(j);
  j->tail[sector]++; /* whatever came of it, nothing else is put there, */
  j->sequence++;     /* and no other has its number */
  uint32_t found = 0, bytes = 0;
  if (!programmed || look(j, at, &found, &bytes) != SLOT_WHOLE || found != sequence || bytes != length ||
      !mark(j, at)) {
    return HG_ERROR_MEDIUM;
  }
  if (sector != j->active) {
    j->active = sector;
    j->tidy = false;
  }
  if (j->doubtful) { /* nothing of the other sector may raise the doubt again */
    j->doubtful = clear_other(j) != HG_OK;
  }
  return HG_OK;
}
