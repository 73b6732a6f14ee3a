#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diagnostic_msgs/msg/diagnostic_array.h>
#include <hearthgrid_msgs/msg/ballot.h>
#include <hearthgrid_msgs/msg/island_mode.h>
#include <hearthgrid_msgs/msg/job.h>
#include <hearthgrid_msgs/msg/outlet_state.h>
#include <hearthgrid_msgs/msg/reading.h>
#include <hearthgrid_msgs/msg/relay_command.h>
#include <hearthgrid_msgs/msg/signature.h>
#include <hearthgrid_msgs/msg/waveform.h>
#include <hearthgrid_msgs/srv/capture_waveform.h>
#include <hearthgrid_msgs/srv/reset_trip.h>

#include "comms_ros.h"

/* What goes out is not copied: texts and sequences of a message point into the mail. The middleware reads only. */
static void text(rosidl_runtime_c__String *s, const char *value)
{
  const union {
    const char *from;
    char *to;
  } same = {value};
  s->data = same.to;
  s->size = strlen(value);
  s->capacity = s->size + 1;
}

#define POINT(sequence, values, n) \
  do { \
    (sequence).data = (values); \
    (sequence).size = (sequence).capacity = (n); \
  } while (0)

static builtin_interfaces__msg__Time time_of(double seconds)
{
  const double whole = isfinite(seconds) && seconds > 0.0 ? floor(seconds) : 0.0;
  const double rest = whole > 0.0 ? floor((seconds - whole) * 1e9) : 0.0;
  const builtin_interfaces__msg__Time made = {.sec = (int32_t)whole, .nanosec = (uint32_t)rest};
  return made;
}

static double wall_of(const struct hg_app *app, double monotonic)
{
  return app->timed ? monotonic + app->offset : (double)NAN;
}

static uint16_t features(const struct hg_app *app)
{
  enum { POWER = 1, VOLTAGE = 2, CURRENT = 4, ENERGY = 8, SWITCH = 16, WAVEFORM = 32, TEMPERATURE = 64, CAP = 128,
         ISLAND = 256, SCHEDULE = 512, AUTHENTICATION = 2048 }; /* OutletState.FEATURE_…; JOB is not offered */
  return (uint16_t)(POWER | VOLTAGE | CURRENT | ENERGY | SWITCH | WAVEFORM | TEMPERATURE | ISLAND | SCHEDULE |
                    (app->settings.relay.throttleable ? CAP : 0) |
                    (app->settings.request_key_length > 0 ? AUTHENTICATION : 0));
}

static void say_reading(const struct hg_app *app, hg_mail_reading_t *mail)
{
  hg_metering_t *w = &mail->reading.metering;
  hearthgrid_msgs__msg__Reading m = {
    .stamp = time_of(mail->reading.end), .sequence = mail->sequence, .duration = (float)mail->reading.duration,
    .supply = mail->supply, .voltage = (float)w->voltage, .current = (float)w->current,
    .active_power = (float)w->active_power, .reactive_power = (float)w->reactive_power,
    .apparent_power = (float)w->apparent_power, .power_factor = (float)w->power_factor,
    .frequency = (float)w->frequency, .energy_kwh = mail->reading.energy_kwh, .voltage_thd = (float)w->voltage_thd,
    .current_thd = (float)w->current_thd, .temperature = (float)mail->reading.temperature};
  text(&m.outlet, app->settings.id);
  POINT(m.harmonics, w->harmonics, isnan(w->harmonics[0]) ? 0 : HG_METERING_HARMONICS);
  hg_comms_send(HG_TO_READINGS, &m);
}

static void say_signature(const struct hg_app *app, hg_mail_signature_t *mail)
{
  hg_signature_t *s = &mail->signature;
  hearthgrid_msgs__msg__Signature m = {
    .stamp = time_of(mail->stamp), .sequence = mail->sequence, .version = HG_SIGNATURE_VERSION, .reason = mail->reason,
    .cycles = mail->cycles, .frequency = (float)s->frequency, .voltage = (float)s->voltage,
    .current = (float)s->current, .active_power = (float)s->active_power, .reactive_power = (float)s->reactive_power,
    .crest_factor = (float)s->crest_factor, .inrush_ratio = (float)s->inrush_ratio,
    .settling_time = (float)s->settling_time};
  text(&m.outlet, app->settings.id);
  POINT(m.harmonics_real, s->real, HG_SIGNATURE_HARMONICS);
  POINT(m.harmonics_imag, s->imaginary, HG_SIGNATURE_HARMONICS);
  POINT(m.wavelet_energy, s->wavelet_energy, HG_WAVELET_BANDS);
  POINT(m.trajectory, s->trajectory, HG_SIGNATURE_POINTS);
  hg_comms_send(HG_TO_SIGNATURES, &m);
}

static void fill_waveform(const struct hg_app *app, hg_mail_waveform_t *mail, hearthgrid_msgs__msg__Waveform *m)
{
  const hearthgrid_msgs__msg__Waveform made = {
    .stamp = time_of(mail->stamp), .sequence = mail->sequence, .reason = mail->reason, .cycles = mail->cycles,
    .sampling_rate = (float)app->settings.sampling_rate, .frequency = (float)mail->frequency,
    .voltage_scale = (float)app->settings.scale.voltage, .current_scale = (float)app->settings.scale.current};
  *m = made;
  text(&m->outlet, app->settings.id);
  POINT(m->voltage, mail->voltage, mail->n);
  POINT(m->current, mail->current, mail->n);
}

static void say_waveform(struct hg_app *app, hg_mail_waveform_t *mail)
{
  hg_pending_t *asked = &hg_comms.pending[HG_AT_CAPTURE_WAVEFORM];
  hearthgrid_msgs__msg__Waveform m;
  fill_waveform(app, mail, &m);
  hg_comms_send(HG_TO_WAVEFORMS, &m);
  if (asked->waits && asked->filling && mail->reason == hearthgrid_msgs__msg__Waveform__REASON_REQUEST) {
    hearthgrid_msgs__srv__CaptureWaveform_Response response = {.success = true, .waveform = m};
    text(&response.message, "");
    asked->waits = false;
    if (rcl_send_response(&hg_comms.at[HG_AT_CAPTURE_WAVEFORM], &asked->id, &response) != RCL_RET_OK) {
      rcl_reset_error();
    }
  }
}

static void say_state(const struct hg_app *app, const hg_mail_state_t *s)
{
  hearthgrid_msgs__msg__OutletState m = {
    .stamp = time_of(s->stamp), .relay = s->relay, .trip = s->trip, .waiting = s->waiting, .voice = s->voice,
    .power_min = (float)s->power_min, .power_max = (float)s->power_max, .priority = s->priority, .rank = s->rank,
    .demand = (float)s->demand, .inrush = (float)s->inrush, .thermal_load = (float)s->thermal_load,
    .deferrable = false /* no job is offered */, .requests_refused = s->refused, .features = features(app)};
  text(&m.outlet, app->settings.id);
  text(&m.title, app->settings.title);
  text(&m.reason, s->reason);
  hg_comms_send(HG_TO_STATES, &m);
}

static void say_job(const struct hg_app *app, const hg_mail_job_t *mail)
{
  const hg_job_t *j = &mail->job;
  hearthgrid_msgs__msg__Job m = {
    .stamp = time_of(mail->stamp), .status = (uint8_t)j->status, .energy_kwh = j->energy_kwh,
    .delivered_kwh = j->delivered_kwh, .power = (float)j->power, .deadline = time_of(j->deadline),
    .interruptible = j->interruptible};
  text(&m.outlet, app->settings.id);
  text(&m.id, j->id);
  hg_comms_send(HG_TO_JOBS, &m);
}

static void say_ballot(const struct hg_app *app, const hg_message_t *word)
{
  hg_wire_ballot_t w;
  uint8_t mac[HG_AUTHENTIC_MAC_BYTES];
  rosidl_runtime_c__String committee[HG_COMMITTEE_SIZE_MAX];
  hg_ballot_write(&app->directory, word, &w);
  const double now = wall_of(app, app->platform.monotonic(app->platform.context));
  hearthgrid_msgs__msg__Ballot m = {
    .stamp = time_of(now), .kind = w.kind, .incarnation = w.incarnation, .epoch = w.epoch, .term = w.term,
    .round = w.round, .granted = w.granted, .committee_term = w.committee_term,
    .committee_version = w.committee_version, .mode = w.mode, .remembers = w.remembers};
  const int64_t stamp = (int64_t)m.stamp.sec * 1000000000 + m.stamp.nanosec;
  text(&m.sender, w.sender);
  text(&m.receiver, w.receiver);
  text(&m.leader, w.leader);
  for (size_t k = 0; k < w.count; k++) {
    text(&committee[k], w.committee[k]);
  }
  POINT(m.committee, committee, w.count);
  POINT(m.mac, mac, hg_seal_sign(&app->seal, &w, stamp, mac));
  hg_comms_send(HG_TO_BALLOTS, &m);
}

static void say_island(const struct hg_app *app, const hg_island_view_t *v)
{
  rosidl_runtime_c__String committee[HG_COMMITTEE_SIZE_MAX], members[HG_MEMBERS_MAX];
  hearthgrid_msgs__msg__IslandMode m = {
    .stamp = time_of(wall_of(app, v->since)), .mode = (uint8_t)v->mode, .epoch = v->epoch, .term = v->term,
    .provisional = v->provisional, .authority = v->authority, .voltage = (float)v->voltage,
    .frequency = (float)v->frequency};
  text(&m.member, app->settings.id);
  text(&m.leader, hg_directory_name(&app->directory, v->leader));
  text(&m.evidence, v->evidence);
  for (size_t k = 0; k < v->committee.count; k++) {
    text(&committee[k], hg_directory_name(&app->directory, v->committee.members[k]));
  }
  for (size_t k = 0; k < v->count; k++) {
    text(&members[k], hg_directory_name(&app->directory, v->members[k]));
  }
  POINT(m.committee, committee, v->committee.count);
  POINT(m.members, members, v->count);
  hg_comms_send(HG_TO_ISLAND, &m);
}

/* Empty a mailbox into a topic. */
#define SAY(type, box, say) \
  for (type *mail; (mail = HG_MAIL_OLDEST(&app->out.box)) != NULL;) { \
    say(app, mail); \
    HG_MAIL_TAKEN(&app->out.box); \
  }

void hg_comms_say(struct hg_app *app)
{
  for (hg_mail_relay_t *mail; (mail = HG_MAIL_OLDEST(&app->out.relays)) != NULL;) {
    hearthgrid_msgs__msg__RelayCommand m = {.stamp = time_of(mail->stamp), .closed = mail->closed,
                                            .power_max = (float)mail->power_max};
    text(&m.outlet, app->settings.id);
    hg_comms_send(HG_TO_RELAYS, &m);
    HG_MAIL_TAKEN(&app->out.relays);
  }
  SAY(hg_message_t, ballots, say_ballot)
  SAY(hg_mail_state_t, states, say_state)
  SAY(hg_island_view_t, islands, say_island)
  SAY(hg_mail_job_t, jobs, say_job)
  SAY(hg_mail_reading_t, readings, say_reading)
  SAY(hg_mail_signature_t, signatures, say_signature)
  SAY(hg_mail_waveform_t, waveforms, say_waveform)
}

/* Answers of control to whoever asked. All three services answer with a success and a text. */
void hg_comms_answer(struct hg_app *app)
{
  for (hg_mail_answer_t *a; (a = HG_MAIL_OLDEST(&app->out.answers)) != NULL;) {
    for (int at = 0; at < HG_ATS; at++) {
      hg_pending_t *p = &hg_comms.pending[at];
      if (!p->waits || p->ticket != a->ticket) {
        continue;
      }
      p->filling = at == HG_AT_CAPTURE_WAVEFORM && a->success;
      if (p->filling) {
        continue;
      }
      hearthgrid_msgs__srv__ResetTrip_Response short_response = {.success = a->success};
      hearthgrid_msgs__srv__CaptureWaveform_Response waveform_response = {.success = a->success};
      text(&short_response.message, a->text);
      text(&waveform_response.message, a->text);
      text(&waveform_response.waveform.outlet, app->settings.id);
      void *response = at == HG_AT_CAPTURE_WAVEFORM ? (void *)&waveform_response : (void *)&short_response;
      p->waits = false;
      if (rcl_send_response(&hg_comms.at[at], &p->id, response) != RCL_RET_OK) {
        rcl_reset_error(); /* whoever asked has gone */
      }
    }
    HG_MAIL_TAKEN(&app->out.answers);
  }
}

/* Health, as the Python outlet and member report it. */

enum { CHECK_SAMPLES = 0, CHECK_PROTECTION, CHECK_STORAGE, CHECK_SUPPLY, CHECK_MEMORY, CHECKS };

void hg_comms_health(struct hg_app *app, double now)
{
  static const char *const NAMES[CHECKS] = {"outlet: samples", "outlet: protection", "outlet: storage",
                                            "consensus: supply", "consensus: memory"};
  enum { FINE = 0, WARN = 1, BAD = 2, STALE = 3 };
  diagnostic_msgs__msg__DiagnosticStatus statuses[CHECKS];
  diagnostic_msgs__msg__KeyValue values[2];
  char names[CHECKS][96], lost[12], heat[16], home[64];
  const char *space = hg_comms.settings.home[0] == '/' ? hg_comms.settings.home + 1 : hg_comms.settings.home;
  const struct hg_control *c = &app->control;
  const bool kept = app->journal_open[HG_KEEP_OUTLET], safe = c->member_safe && app->journal_open[HG_KEEP_MEMBER];
  const hg_island_view_t *view = &app->island.told;
  const struct {
    int level;
    const char *words;
  } checks[CHECKS] = {
    {c->sighted ? FINE : c->heard_at > 0.0 && app->analysis.readings > 0 ? BAD : STALE,
     c->sighted ? "coming" : app->analysis.readings > 0 ? "none: blind" : "waiting for the first"},
    {c->trip != HG_TRIP_NONE || c->welded ? BAD : FINE,
     c->trip != HG_TRIP_NONE ? c->told.reason : c->welded ? "current flows through the open relay" : "no trip"},
    {kept ? FINE : WARN, kept ? "kept" : "nothing is kept"},
    {view->mode == HG_ISLAND_UNKNOWN ? STALE : view->mode == HG_ISLAND_GRID ? FINE : WARN, view->evidence},
    {safe || !app->control.remembers ? FINE : WARN, safe ? "kept" : "nothing is kept yet"}};
  memset(statuses, 0, sizeof statuses);
  snprintf(home, sizeof home, "%s/%s", space, app->settings.id);
  for (int k = 0; k < CHECKS; k++) {
    snprintf(names[k], sizeof names[k], "%s/%s", home, NAMES[k]);
    statuses[k].level = (uint8_t)checks[k].level;
    text(&statuses[k].name, names[k]);
    text(&statuses[k].message, checks[k].words);
    text(&statuses[k].hardware_id, home);
  }
  snprintf(lost, sizeof lost, "%lu", (unsigned long)hg_comms.lost);
  snprintf(heat, sizeof heat, "%.4g", app->protection.thermal_load);
  text(&values[0].key, "lost");
  text(&values[0].value, lost);
  text(&values[1].key, "thermal_load");
  text(&values[1].value, heat);
  POINT(statuses[CHECK_SAMPLES].values, &values[0], 1);
  POINT(statuses[CHECK_PROTECTION].values, &values[1], 1);
  diagnostic_msgs__msg__DiagnosticArray m;
  memset(&m, 0, sizeof m);
  m.header.stamp = time_of(wall_of(app, now));
  text(&m.header.frame_id, "");
  POINT(m.status, statuses, CHECKS);
  hg_comms_send(HG_TO_DIAGNOSTICS, &m);
}
