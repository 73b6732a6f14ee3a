/* A flash in memory, for images that have no other: bits go from 1 to 0, a sector at a time back to 1. */
#ifndef HEARTHGRID_MEMORY_FLASH_H
#define HEARTHGRID_MEMORY_FLASH_H

#include <string.h>

#include "journal.h"

typedef struct {
  uint8_t *bytes; /* two sectors */
  uint32_t sector;
} hg_memory_t;

static inline bool hg_memory_read(void *context, uint32_t at, uint8_t *out, uint32_t count)
{
  memcpy(out, ((const hg_memory_t *)context)->bytes + at, count);
  return true;
}

static inline bool hg_memory_program(void *context, uint32_t at, const uint8_t *bytes, uint32_t count)
{
  for (uint32_t k = 0; k < count; k++) {
    ((hg_memory_t *)context)->bytes[at + k] &= bytes[k];
  }
  return true;
}

static inline bool hg_memory_erase(void *context, uint32_t sector)
{
  const hg_memory_t *memory = context;
  memset(memory->bytes + sector * memory->sector, 0xff, memory->sector);
  return true;
}

/* Erases it; it lasts as long as `memory` does. */
static inline hg_flash_t hg_memory_flash(hg_memory_t *memory, uint32_t slot)
{
  memset(memory->bytes, 0xff, 2 * memory->sector);
  return (hg_flash_t){.read = hg_memory_read, .program = hg_memory_program, .erase = hg_memory_erase, .context = memory,
                      .sector = memory->sector, .slot = slot};
}

#endif
