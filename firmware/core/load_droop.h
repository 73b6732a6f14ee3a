/* Shedding without a message: a load reads an overload from frequency and voltage, and knows its place.
 * Twin of hearthgrid_core.island.load_droop. */
#ifndef HEARTHGRID_LOAD_DROOP_H
#define HEARTHGRID_LOAD_DROOP_H

#include "common.h"

typedef struct {
  hg_load_droop_settings_t settings;
  double step;                                                    /* between two looks: half a cycle [s] */
  double lead;                                                    /* takes the filter's fading out of the frequency */
  double frequency[HG_LOAD_DROOP_BASE], voltage[HG_LOAD_DROOP_BASE]; /* oldest first [Hz], [pu] */
  double next, loud, first, mean;
  double seen; /* overload answered since the last calm, over power_max [1] */
  uint32_t looks, valid, rest;
} hg_load_droop_t;

hg_status_t hg_load_droop_init(hg_load_droop_t *d, const hg_load_droop_settings_t *settings);

/* Look, once every half cycle; whether the load has to be off. frequency: of the last cycle, NaN = none [Hz].
 * voltage: RMS of the last half cycle [V]. place: power of all loads shed before this one [W]. */
bool hg_load_droop_step(hg_load_droop_t *d, double now, double frequency, double voltage, double place, bool armed);

#endif
