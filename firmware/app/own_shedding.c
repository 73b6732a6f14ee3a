#include "own_shedding.h"

#include <math.h>
#include <string.h>

#include "journal.h"

#define GAP 0.5      /* voltage over nominal below which the supply was away … */
#define WELL 0.88    /* … and from which it is there again [1] */
#define TIE_AGE 3.0  /* of a word of the tie that it is closed [s] */
#define HEED 3.0     /* after shedding, until the leader knows [s] */
#define SPREAD 5.0   /* over which those that went off come back on the grid [s] */
#define FAILED 60.0  /* an overload within this time of coming back makes the next wait twice as long [s] */
#define WAITS_MAX 5U /* doublings of the wait */
#define FULL 0.95    /* share of the power that is filled again [1] */
#define RELIEF 2.0
#define COMFORT 6    /* OutletState.CLASS_COMFORT */
#define RANKS 16
#define NEVER (-(double)INFINITY)

hg_status_t hg_own_shedding_init(hg_own_shedding_t *s, const hg_own_shedding_settings_t *k, const char *outlet,
                                 double nominal_frequency)
{
  hg_load_droop_settings_t rule = {HG_LOAD_DROOP_SETTINGS(HG_DEFAULT)};
  *s = (hg_own_shedding_t){.settings = *k, .nominal_frequency = nominal_frequency, .tie_at = NEVER, .gap_at = NEVER,
                           .since = NEVER, .back_at = NEVER, .share = (double)NAN};
  s->jitter = (double)hg_crc32(0, (const uint8_t *)outlet, (uint32_t)strlen(outlet)) / 4294967296.0;
  if (!(k->power >= 0.0 && k->back > 0.0)) {
    return HG_ERROR_ARGUMENT;
  }
  rule.power_max = k->power > 0.0 ? k->power : rule.power_max;
  rule.nominal_voltage = k->voltage;
  rule.nominal_frequency = nominal_frequency;
  rule.droop_frequency = k->droop;
  rule.limit_rate = k->rate;
  rule.filter_time = k->filter;
  rule.surge = k->surge;
  rule.relief = RELIEF;
  rule.again = k->again;
  return hg_load_droop_init(&s->rule, &rule);
}

void hg_own_shedding_tie(hg_own_shedding_t *s, double now, bool known, bool closed, bool alive)
{
  s->tie_known = known;
  s->tie_closed = closed;
  s->tie_alive = alive;
  s->tie_at = now;
}

/* The tie is known to be closed: its word is fresh, and younger than any gap of the supply. */
static bool fed_by_grid(const hg_own_shedding_t *s, double now)
{
  return s->tie_known && s->tie_closed && now - s->tie_at >= 0.0 && now - s->tie_at <= TIE_AGE &&
         s->tie_at > s->gap_at;
}

/* The island turns towards the utility: its frequency then means something else. */
static bool turning(const hg_own_shedding_t *s, double now)
{
  return s->tie_known && !s->tie_closed && s->tie_alive && now - s->tie_at >= 0.0 && now - s->tie_at <= TIE_AGE;
}

static double place_of_class(const hg_own_shedding_t *s, uint8_t priority, uint16_t rank)
{
  const int before = COMFORT - (priority > 0 ? priority : COMFORT), last = RANKS - 1;
  return s->settings.power / COMFORT * (before + (double)(last - (rank < last ? rank : last)) / RANKS);
}

void hg_own_shedding_look(hg_own_shedding_t *s, double now, const hg_look_t *look, uint8_t priority, uint16_t rank)
{
  const double level = look->voltage / s->settings.voltage;
  if (!(s->settings.power > 0.0)) {
    return;
  }
  if (level < GAP) {
    s->gap_at = look->time;
    s->well = false;
  }
  if (fed_by_grid(s, now)) { /* not worth a look, and what was seen before is of another time */
    s->rule.looks = 0;
    return;
  }
  s->well = s->well || level >= WELL;
  const double seen = s->rule.seen;
  const bool off = hg_load_droop_step(&s->rule, look->time, look->frequency, look->voltage,
                                      place_of_class(s, priority, rank), s->well && !turning(s, now));
  s->answers = s->rule.seen > 0.0 ? s->answers + (s->rule.seen > seen ? 1U : 0U) : 0;
  const uint32_t turn = priority > 0 && priority < COMFORT ? (uint32_t)(COMFORT - priority) : 1U;
  if (!isnan(look->frequency)) {
    s->share = (1.0 - look->frequency / s->nominal_frequency) / s->settings.droop;
  }
  if (off && s->answers >= turn && !s->off) {
    s->fails = now - s->back_at >= FAILED ? 0 : s->fails < WAITS_MAX ? s->fails + 1 : WAITS_MAX;
    s->since = now;
    s->off = true;
  }
}

static bool returns(const hg_own_shedding_t *s, double now, hg_led_t led, double demand, uint8_t priority,
                    uint16_t rank)
{
  const double waited = now - s->since, power = s->settings.power;
  if (fed_by_grid(s, now)) {
    return waited >= HEED + SPREAD * s->jitter;
  }
  if (s->rule.seen > 0.0) {
    return false;
  }
  if (led != HG_LED_BY_NOBODY) {
    return led == HG_LED_ON && waited >= HEED;
  }
  const double turn = 3.0 - 2.0 * place_of_class(s, priority, rank) / power + s->jitter;
  const double draws = isnan(demand) ? 0.5 : demand / power;
  return waited >= s->settings.back * turn * ldexp(1.0, (int)s->fails) && !(s->share + draws > FULL);
}

bool hg_own_shedding_held(hg_own_shedding_t *s, double now, hg_led_t led, double demand, uint8_t priority,
                          uint16_t rank)
{
  if (s->off && returns(s, now, led, demand, priority, rank)) {
    s->off = false;
    s->back_at = now;
  }
  return s->off;
}
