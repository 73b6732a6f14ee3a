/* An outlet sheds by itself, from half cycles through hg_load_droop, and finds its way back.
 * Twin of hearthgrid_core.island.local_shedding; the half cycles come from the detector instead of zero crossings. */
#ifndef HEARTHGRID_OWN_SHEDDING_H
#define HEARTHGRID_OWN_SHEDDING_H

#include "load_droop.h"

/* Half a cycle that ended at `time` (monotonic) [s]: frequency of the last whole cycle, NaN = none [Hz]; RMS [V]. */
typedef struct {
  double time, frequency, voltage;
} hg_look_t;

/* power: of the grid-forming inverters together, 0 = there are none [W]. again: see hg_load_droop. */
typedef struct {
  double power, voltage, droop, rate, filter, surge, back, again;
} hg_own_shedding_settings_t;

#define HG_OWN_SHEDDING_DEFAULTS \
  { .power = 0.0, .voltage = 230.0, .droop = 0.01, .rate = 10.0, .filter = 0.01, .surge = 2.0, .back = 10.0, \
    .again = 0.09 }

typedef struct {
  hg_own_shedding_settings_t settings;
  hg_load_droop_t rule;
  double jitter, nominal_frequency;
  bool tie_known, tie_closed, tie_alive, well, off;
  double tie_at, gap_at, since, back_at, share;
  uint32_t answers, fails;
} hg_own_shedding_t;

/* How a leader of the island wants this outlet. */
typedef enum { HG_LED_BY_NOBODY = 0, HG_LED_ON, HG_LED_OFF } hg_led_t;

hg_status_t hg_own_shedding_init(hg_own_shedding_t *s, const hg_own_shedding_settings_t *settings, const char *outlet,
                                 double nominal_frequency);
void hg_own_shedding_tie(hg_own_shedding_t *s, double now, bool known, bool closed, bool alive);
void hg_own_shedding_look(hg_own_shedding_t *s, double now, const hg_look_t *look, uint8_t priority, uint16_t rank);

/* Whether the outlet is to be off. demand: NaN = not known [W] */
bool hg_own_shedding_held(hg_own_shedding_t *s, double now, hg_led_t led, double demand, uint8_t priority,
                          uint16_t rank);

#endif
