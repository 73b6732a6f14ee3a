/* The newest samples of the two converter channels: one writer (the interrupt), one reader. */
#ifndef HEARTHGRID_RING_H
#define HEARTHGRID_RING_H

#include "common.h"

#define HG_RING_SAMPLES 4096U /* a power of two; 32 cycles */

typedef struct {
  int16_t voltage[HG_RING_SAMPLES], current[HG_RING_SAMPLES]; /* counts */
  volatile uint32_t count;                                    /* taken since the start, modulo 2^32 */
  volatile uint32_t held;                                     /* at most HG_RING_SAMPLES */
} hg_ring_t;

void hg_ring_clear(hg_ring_t *ring);
void hg_ring_put(hg_ring_t *ring, int16_t voltage, int16_t current);

/* Copy the newest n samples. HG_ERROR_SHORT while less is held; HG_ERROR_OVERRUN when the writer came around. */
hg_status_t hg_ring_latest(const hg_ring_t *ring, size_t n, int16_t *voltage, int16_t *current);

#endif
