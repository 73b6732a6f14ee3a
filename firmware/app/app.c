#include "app.h"

#include <math.h>
#include <string.h>

#include "parts.h"

#define WINDOW_TIME 0.2 /* [s] */

void hg_app_defaults(hg_app_settings_t *s, const char *id)
{
  static const hg_app_settings_t DEFAULTS = {
    .priority = HG_CLASS_UNKNOWN, .normally_on = true, .sampling_rate = 6400.0, .scale = {0.015, 0.003},
    .island_grace = 5.0, .silence_max = 2.0, .heartbeat = 10.0, .signature_heartbeat = 300.0, .save_period = 600.0,
    .protection = {HG_PROTECTION_SETTINGS(HG_DEFAULT)}, .relay = {HG_RELAY_SETTINGS(HG_DEFAULT)},
    .requests = {HG_REQUEST_SETTINGS(HG_DEFAULT)}, .jobs = {HG_JOB_SETTINGS(HG_DEFAULT)},
    .detector = {HG_DETECTOR_SETTINGS(HG_DEFAULT)}, .turn_on = {HG_TURN_ON_SETTINGS(HG_DEFAULT)},
    .own = {HG_OWN_SETTINGS(HG_DEFAULT)}, .refined_period = 600.0,
    .shedding = HG_OWN_SHEDDING_DEFAULTS, .island = HG_ISLAND_DEFAULTS,
    .ballot_age_max = 2.0, /* less than the Python member's: what may be fresh must fit into HG_SEAL_HEARD */
    /* Those of ConsensusSettings: a zone must agree on timeout and drift. The spread is this member's own: without a
     * leader's duties it stands for election only where nobody else does. */
    .election = {.heartbeat = 0.25, .timeout = 1.0, .spread = 6.0, .drift = 0.01, .repeat = 0.1, .canvass = 0.5,
                 .courtship = 0.25, .join = 5.0}};
  *s = DEFAULTS;
  strncpy(s->id, id, HG_MEMBER_LENGTH);
  strncpy(s->title, id, HG_TITLE_LENGTH);
}

/* From [0.5, 1): of timeouts only the later half; the inverter and those that know a leader's duties come first. */
static double chance(void *context)
{
  const struct hg_app *app = context;
  return 0.5 + (double)app->platform.random(app->platform.context) / 8589934592.0;
}

hg_status_t hg_app_converter(struct hg_app *app, double sampling_rate, hg_scale_t scale)
{
  hg_app_settings_t *s = &app->settings;
  hg_detector_settings_t detector = s->detector;
  detector.sampling_rate = sampling_rate;
  const double nominal = detector.nominal_frequency;
  if (fabs(sampling_rate / nominal - HG_ALIGN_SAMPLES_PER_CYCLE) > 1e-6 || !(scale.current > 0.0)) {
    return HG_ERROR_RATE;
  }
  hg_status_t status = hg_detector_init(&app->detector, &detector, scale.voltage);
  status = status != HG_OK ? status : hg_guard_init(&app->guard, s->protection.instant_current, scale.current);
  if (status == HG_OK) {
    s->sampling_rate = sampling_rate;
    s->scale = scale;
    s->detector = detector;
    app->half = HG_ALIGN_SAMPLES_PER_CYCLE / 2;
    app->window = (uint32_t)lrint(WINDOW_TIME * nominal) * HG_ALIGN_SAMPLES_PER_CYCLE;
    hg_app_gap(app);
  }
  return status;
}

static hg_status_t seat(struct hg_app *app, double now)
{
  const hg_app_settings_t *s = &app->settings;
  hg_member_t members[HG_COMMITTEE_SIZE_MAX];
  const size_t count = s->committee_count > 0 ? s->committee_count : 1;
  hg_directory_clear(&app->directory);
  hg_status_t status = hg_directory_number(&app->directory, s->id, &app->control.me);
  for (size_t k = 0; k < count && k < HG_COMMITTEE_SIZE_MAX && status == HG_OK; k++) {
    status = hg_directory_number(&app->directory, s->committee_count > 0 ? s->committee[k] : s->id, &members[k]);
  }
  status = status != HG_OK ? status : hg_committee_init(&app->control.commissioned, members, count);
  return status != HG_OK ? status : hg_member_begin(app, now, chance);
}

hg_status_t hg_app_init(struct hg_app *app, const hg_app_settings_t *settings, const hg_platform_t *platform)
{
  memset(app, 0, sizeof *app);
  app->settings = *settings;
  app->platform = *platform;
  hg_app_settings_t *s = &app->settings;
  const double now = platform->monotonic(platform->context);
  struct hg_control *c = &app->control;
  c->now = now;
  c->measured_at = c->told_at = c->commanded_at = c->weighed_at = c->job_told_at = c->progress_at = -(double)INFINITY;
  c->heard_at = c->saved_at = now;
  c->alone_since = (double)INFINITY;
  c->open_since = c->demand = app->sampled = (double)NAN;
  c->priority = s->priority;
  c->rank = s->rank;
  app->inrush = (float)NAN;
  app->analysis.shown_at = -(double)INFINITY;
  s->island.nominal_voltage = s->detector.nominal_voltage;
  s->island.nominal_frequency = s->detector.nominal_frequency;
  s->island.silence_max = s->silence_max;
  if (s->id[0] == 0 || s->priority > HG_CLASS_COMFORT || !(s->island_grace >= 0.0 && s->heartbeat > 0.0) ||
      s->request_key_length > HG_KEY_MAX || s->ballot_key_length > HG_KEY_MAX ||
      s->committee_count > HG_COMMITTEE_SIZE_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  hg_permits_init(&app->permits, 0.0, NULL, 0);
  hg_ring_clear(&app->ring);
  hg_change_init(&app->changes);
  const hg_status_t statuses[] = {
    hg_app_converter(app, s->sampling_rate, s->scale), hg_fft_init(&app->fft),
    hg_protection_init(&app->protection, &s->protection), hg_relay_init(&app->relay, &s->relay),
    hg_cap_init(&app->cap, &s->relay),
    hg_requests_init(&app->requests, &s->requests, NULL, 0),
    hg_schedule_set(&app->schedule, s->schedule.entries, s->schedule.count), hg_job_book_init(&app->jobs, &s->jobs),
    hg_turn_on_init(&app->turn_on, &s->turn_on), hg_own_init(&app->own, &s->own),
    hg_own_shedding_init(&app->shedding, &s->shedding, s->id, s->detector.nominal_frequency),
    hg_island_init(&app->island, &s->island, now),
    hg_seal_init(&app->seal, NULL, 0, s->ballot_age_max), hg_keys_begin(app)};
  for (size_t k = 0; k < sizeof statuses / sizeof statuses[0]; k++) {
    if (statuses[k] != HG_OK) {
      return statuses[k];
    }
  }
  hg_devices_restore(app);
  return seat(app, now);
}

bool hg_app_sample(struct hg_app *app, int16_t voltage, int16_t current)
{
  const bool open = hg_guard_step(&app->guard, current);
  if (open) {
    hg_protection_short(&app->protection);
  }
  hg_ring_put(&app->ring, voltage, current);
  hg_detector_step(&app->detector, voltage);
  if (--app->until_look == 0) {
    hg_look_t *look = HG_MAIL_PLACE(&app->looks);
    app->until_look = app->half;
    if (look != NULL) { /* control sets the time; without room the oldest half cycles are the ones that count */
      look->frequency = hg_detector_frequency(&app->detector);
      look->voltage = hg_detector_rms(&app->detector) * app->settings.detector.nominal_voltage;
      HG_MAIL_SENT(&app->looks);
    }
  }
  if (--app->until_window == 0) {
    app->until_window = app->window;
    __atomic_store_n(&app->windows, app->windows + 1U, __ATOMIC_RELEASE);
  }
  return open;
}

void hg_app_gap(struct hg_app *app)
{
  hg_ring_clear(&app->ring);
  app->detector.taken = 0;
  app->until_look = app->half + 2U * HG_ALIGN_SAMPLES_PER_CYCLE; /* first its sums must hold this supply only */
  app->until_window = app->window;
  app->gaps++;
}

void hg_app_time(struct hg_app *app, double offset, double sampled)
{
  app->offset = offset;
  app->sampled = sampled;
  app->timed = isfinite(offset);
}

double hg_app_wall(const struct hg_app *app, double now) { return app->timed ? now + app->offset : (double)NAN; }

void hg_app_control(struct hg_app *app, double now)
{
  struct hg_control *c = &app->control;
  c->now = now > c->now ? now : c->now;
  hg_control_measure(app);
  hg_control_decide(app);
  hg_member_step(app);
  hg_keep_step(app, false);
  hg_devices_keep(app, false);
}

void hg_app_release(struct hg_app *app, double now)
{
  struct hg_control *c = &app->control;
  c->now = now > c->now ? now : c->now;
  hg_control_release(app);
  hg_keep_step(app, true);
  hg_devices_keep(app, true);
}
