#include <math.h>
#include <string.h>

#include "parts.h"

#define SPARE_CYCLES 3U /* beyond those analysed, lost to alignment */

enum { REASON_CHANGE = 1, REASON_REQUEST, REASON_HEARTBEAT }; /* Signature.REASON_… */
enum { SUPPLY_UNKNOWN = 0, SUPPLY_GRID, SUPPLY_ISLAND, SUPPLY_NONE }; /* Reading.SUPPLY_… */

bool hg_app_window(const struct hg_app *app)
{
  return __atomic_load_n(&app->windows, __ATOMIC_ACQUIRE) != app->analysis.windows;
}

/* The newest window as counts: the cycles it was analysed by, or without mains the whole block. */
static void show_waveform(struct hg_app *app, uint8_t reason)
{
  struct hg_analysis *a = &app->analysis;
  const double rate = app->settings.sampling_rate;
  hg_mail_waveform_t *w = HG_MAIL_PLACE(&app->out.waveforms);
  if (w == NULL) {
    return;
  }
  const size_t dead = a->n > a->block ? a->n - a->block : 0;
  const size_t first = a->alive ? (size_t)lrint(fmax(app->aligned.offset * rate, 0.0)) : dead;
  const size_t all = a->alive ? (size_t)lrint((double)app->aligned.cycles / app->aligned.frequency * rate) : a->n;
  w->n = first + all <= a->n ? all : a->n - first;
  w->stamp = a->newest - (double)(a->n - first) / rate;
  w->frequency = a->alive ? app->aligned.frequency : (double)NAN;
  w->sequence = a->signatures;
  w->reason = reason;
  w->cycles = a->alive ? (uint8_t)app->aligned.cycles : 0;
  memcpy(w->voltage, a->voltage + first, w->n * sizeof w->voltage[0]);
  memcpy(w->current, a->current + first, w->n * sizeof w->current[0]);
  HG_MAIL_SENT(&app->out.waveforms);
}

static void show(struct hg_app *app, uint8_t reason, double now)
{
  struct hg_analysis *a = &app->analysis;
  hg_mail_signature_t *s = HG_MAIL_PLACE(&app->out.signatures);
  if (!a->alive) {
    if (reason == REASON_REQUEST) {
      show_waveform(app, reason);
    }
    return;
  }
  if (s == NULL || hg_signature(&app->fft, &app->wavelet, &app->aligned, &app->signature) != HG_OK) {
    return; /* comms is behind: asked again with the next window */
  }
  a->shown_at = now;
  hg_turn_on_result(&app->turn_on, &app->signature.inrush_ratio, &app->signature.settling_time);
  const float inrush = (float)app->signature.inrush_ratio;
  if (!isnan(inrush) && !(inrush <= app->inrush)) {
    app->inrush = inrush;
  }
  a->signatures++;
  const double begin = a->newest - (double)a->n / app->settings.sampling_rate;
  *s = (hg_mail_signature_t){.signature = app->signature, .stamp = begin + app->aligned.offset, .reason = reason,
                             .sequence = a->signatures, .cycles = (uint8_t)app->aligned.cycles};
  hg_devices_see(app, s, reason == REASON_CHANGE, now);
  HG_MAIL_SENT(&app->out.signatures);
  show_waveform(app, reason);
}

static uint8_t supply_of(const struct hg_app *app, const hg_metering_t *metering)
{
  if (isnan(metering->frequency)) {
    return SUPPLY_NONE;
  }
  return !app->island.tie_spoke || !app->island.tie_known ? SUPPLY_UNKNOWN
         : app->island.tie_closed                         ? SUPPLY_GRID
                                                          : SUPPLY_ISLAND;
}

static void tell(struct hg_app *app, double newest, double duration)
{
  struct hg_analysis *a = &app->analysis;
  hg_metering_t means;
  if (!hg_reading_step(&app->mean, &app->metering, duration, &means)) {
    return;
  }
  hg_mail_reading_t *m = HG_MAIL_PLACE(&app->out.readings);
  a->readings++;
  if (m != NULL) {
    m->reading = (hg_reading_t){.end = newest, .duration = duration * (double)lrint(HG_READING_TIME / duration),
                                .energy_kwh = app->energy.energy_kwh, .metering = means,
                                .temperature = app->platform.temperature(app->platform.context)};
    m->sequence = a->readings;
    m->supply = supply_of(app, &means);
    HG_MAIL_SENT(&app->out.readings);
  }
}

/* Whether and why a signature is due. */
static uint8_t due(struct hg_app *app, bool changed, double now)
{
  struct hg_analysis *a = &app->analysis;
  const uint32_t late = __atomic_load_n(&app->show[0], __ATOMIC_ACQUIRE);
  const uint32_t asked = __atomic_load_n(&app->show[1], __ATOMIC_ACQUIRE);
  const bool request = asked != a->shown[1];
  const bool heartbeat = late != a->shown[0] || now - a->shown_at >= app->settings.signature_heartbeat;
  a->shown[0] = late;
  a->shown[1] = asked;
  return changed ? REASON_CHANGE : request ? REASON_REQUEST : heartbeat ? REASON_HEARTBEAT : 0;
}

hg_status_t hg_app_analyse(struct hg_app *app, double now)
{
  struct hg_analysis *a = &app->analysis;
  const hg_app_settings_t *s = &app->settings;
  const uint32_t windows = __atomic_load_n(&app->windows, __ATOMIC_ACQUIRE), count = app->ring.count;
  hg_devices_step(app, now);
  if (windows == a->windows) {
    const uint32_t asked = __atomic_load_n(&app->show[1], __ATOMIC_ACQUIRE);
    if (asked != a->shown[1] && a->n > 0) { /* a person does not wait for the next one */
      a->shown[1] = asked;
      show(app, REASON_REQUEST, now);
    }
    return HG_ERROR_SHORT;
  }
  const bool gap = app->gaps != a->gaps;
  const uint32_t fresh = gap || windows - a->windows > 1 ? app->window : count - a->analysed;
  const size_t block = fresh < HG_WINDOW_MAX ? fresh : HG_WINDOW_MAX;
  const size_t spare = app->window + SPARE_CYCLES * HG_ALIGN_SAMPLES_PER_CYCLE;
  const size_t n = app->ring.held >= spare ? spare : block;
  const double newest = isnan(app->sampled) ? hg_app_wall(app, now) : app->sampled;
  a->windows = windows;
  a->analysed = count;
  if (gap) {
    a->gaps = app->gaps;
    hg_turn_on_lost(&app->turn_on);
    hg_reading_clear(&app->mean);
  }
  a->n = 0;
  hg_status_t status = hg_ring_latest(&app->ring, n > block ? n : block, a->voltage, a->current);
  if (status != HG_OK) {
    return status;
  }
  const size_t longer = n > block ? n : block;
  const int16_t *voltage = a->voltage + (longer - block), *current = a->current + (longer - block);
  const hg_window_t window = {.voltage = a->voltage + (longer - n), .current = a->current + (longer - n), .n = n,
                              .scale = s->scale, .sampling_rate = s->sampling_rate};
  const double nominal = s->detector.nominal_frequency, duration = (double)block / s->sampling_rate;
  hg_measurement_t measured;
  status = hg_measure(voltage, current, block, s->scale, s->sampling_rate, nominal, &measured);
  if (status != HG_OK) {
    return status;
  }
  const size_t cycles = n == spare ? app->window / HG_ALIGN_SAMPLES_PER_CYCLE : 0;
  a->alive = hg_align(&window, nominal, cycles, &app->aligned) == HG_OK &&
             hg_meter(&app->fft, &app->aligned, &app->metering) == HG_OK;
  if (!a->alive) {
    hg_meter_dead(&measured, &app->metering);
  }
  const double frequency = isnan(app->metering.frequency) ? nominal : app->metering.frequency;
  hg_turn_on_step(&app->turn_on, current, block, s->scale.current, s->sampling_rate, frequency);
  hg_energy_add(&app->energy, measured.active_power, duration);
  const uint8_t reason = due(app, hg_change_step(&app->changes, now, &app->metering), now);
  tell(app, newest, duration);
  a->n = n; /* all it takes to show it again stands where `show` looks */
  a->block = block;
  a->newest = newest;
  memmove(a->voltage, a->voltage + (longer - n), n * sizeof a->voltage[0]);
  memmove(a->current, a->current + (longer - n), n * sizeof a->current[0]);
  if (reason != 0) {
    show(app, reason, now);
  }
  return HG_OK;
}
