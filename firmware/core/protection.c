#include "protection.h"

#include <math.h>

static void latch(hg_protection_t *p, hg_trip_t trip)
{
  if (p->trip == HG_TRIP_NONE) {
    p->trip = trip;
  }
}

static hg_fault_t implausible(const hg_measurement_t *m)
{
  if (m->fault != HG_FAULT_NONE) {
    return m->fault;
  }
  /* A sum is finite only where all parts are. */
  if (!isfinite(m->voltage + m->current + m->current_cycle)) {
    return HG_FAULT_NOT_A_NUMBER;
  }
  return m->temperature < HG_TEMPERATURE_MIN || m->temperature > HG_TEMPERATURE_MAX ? HG_FAULT_TEMPERATURE
                                                                                    : HG_FAULT_NONE;
}

/* Keep since when something holds. */
static void follow(bool *holding, double *since, double now, bool holds)
{
  if (holds && (!*holding || *since > now)) {
    *since = now;
  }
  *holding = holds;
}

hg_status_t hg_protection_init(hg_protection_t *p, const hg_protection_settings_t *s)
{
  if (!(true HG_PROTECTION_SETTINGS(HG_WITHIN)) || s->temperature_reset >= s->temperature_max ||
      s->instant_current <= s->current_rating) {
    return HG_ERROR_ARGUMENT;
  }
  *p = (hg_protection_t){.settings = *s, .temperature = (double)NAN};
  return HG_OK;
}

hg_trip_t hg_protection_step(hg_protection_t *p, double now, const hg_measurement_t *measured, bool closed)
{
  const hg_protection_settings_t *s = &p->settings;
  const hg_fault_t fault = measured != NULL ? implausible(measured) : HG_FAULT_NONE;
  if (measured != NULL && fault == HG_FAULT_NONE) {
    p->current = measured->current;
    p->temperature = measured->temperature;
  } else if (!closed) {
    p->current = 0.0;
  } else if (measured != NULL && measured->current > p->current && isfinite(measured->current)) {
    /* a clipped current is at least what it shows */
    p->current = measured->current;
  }
  const double share = p->current / (s->thermal_factor * s->current_rating);
  const double passed = p->started && now > p->now ? now - p->now : 0.0;
  p->thermal_load = share * share + (p->thermal_load - share * share) * exp(-passed / s->thermal_time);
  p->started = true;
  p->now = now;
  if (p->thermal_load >= 1.0) {
    latch(p, HG_TRIP_OVERCURRENT);
  }
  if (measured != NULL && measured->current_cycle >= s->instant_current) {
    latch(p, HG_TRIP_OVERCURRENT);
  }
  follow(&p->hot, &p->hot_since, now, p->temperature >= s->temperature_max);
  if (p->hot && now - p->hot_since >= s->temperature_time) {
    latch(p, HG_TRIP_OVERTEMPERATURE);
  }
  if (measured != NULL) {
    follow(&p->faulty, &p->fault_since, now, fault != HG_FAULT_NONE);
  }
  if (p->faulty && now - p->fault_since >= s->sensor_time) {
    latch(p, HG_TRIP_SENSOR);
  }
  return p->trip;
}

void hg_protection_short(hg_protection_t *p) { latch(p, HG_TRIP_OVERCURRENT); }

hg_reset_t hg_protection_reset(hg_protection_t *p)
{
  if (p->thermal_load > p->settings.thermal_reset) {
    return HG_RESET_WARM;
  }
  if (p->temperature >= p->settings.temperature_reset) {
    return HG_RESET_HOT;
  }
  if (p->faulty) {
    return HG_RESET_SENSOR;
  }
  p->trip = HG_TRIP_NONE;
  return HG_RESET_DONE;
}

hg_status_t hg_protection_restore(hg_protection_t *p, double now, int trip, double thermal_load, double kept_at)
{
  if (trip < HG_TRIP_NONE || trip > HG_TRIP_SENSOR || !(thermal_load >= 0.0 && thermal_load < 1e6) ||
      !isfinite(kept_at)) {
    return HG_ERROR_DAMAGED;
  }
  p->trip = (hg_trip_t)trip;
  p->thermal_load = thermal_load * exp(-(now > kept_at ? now - kept_at : 0.0) / p->settings.thermal_time);
  return HG_OK;
}

hg_fault_t hg_block_fault(const int16_t *counts, size_t n)
{
  int low = counts[0], high = counts[0];
  size_t clipped = 0;
  for (size_t k = 0; k < n; k++) {
    const int count = counts[k];
    low = count < low ? count : low;
    high = count > high ? count : high;
    clipped += count >= HG_CONVERTER_FULL_SCALE || count <= -HG_CONVERTER_FULL_SCALE;
  }
  if (low == high) {
    return low > HG_CONVERTER_STUCK_COUNTS || low < -HG_CONVERTER_STUCK_COUNTS ? HG_FAULT_STUCK : HG_FAULT_NONE;
  }
  return (double)clipped / (double)n >= HG_CONVERTER_CLIPPED_SHARE ? HG_FAULT_CLIPPED : HG_FAULT_NONE;
}
