#include "ring.h"

/* Read anew each time: the interrupt moves it. */
static uint32_t taken(const volatile uint32_t *count) { return *count; }

void hg_ring_clear(hg_ring_t *ring) { ring->count = ring->held = 0; }

void hg_ring_put(hg_ring_t *ring, int16_t voltage, int16_t current)
{
  const uint32_t count = ring->count, place = count % HG_RING_SAMPLES, held = ring->held;
  ring->voltage[place] = voltage;
  ring->current[place] = current;
  ring->count = count + 1U;
  ring->held = held < HG_RING_SAMPLES ? held + 1U : held;
}

hg_status_t hg_ring_latest(const hg_ring_t *ring, size_t n, int16_t *voltage, int16_t *current)
{
  const uint32_t end = taken(&ring->count);
  if (n == 0 || n > ring->held) {
    return HG_ERROR_SHORT;
  }
  for (size_t k = 0; k < n; k++) {
    const uint32_t place = (end - (uint32_t)n + (uint32_t)k) % HG_RING_SAMPLES;
    voltage[k] = ring->voltage[place];
    current[k] = ring->current[place];
  }
  return taken(&ring->count) - end > HG_RING_SAMPLES - (uint32_t)n ? HG_ERROR_OVERRUN : HG_OK;
}
