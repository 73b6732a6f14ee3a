#include <math.h>
#include <string.h>

#include <hearthgrid_msgs/msg/ballot.h>
#include <hearthgrid_msgs/msg/identity.h>
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
void hg_comms_text(rosidl_runtime_c__String *s, const char *value)
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

builtin_interfaces__msg__Time hg_comms_time(double seconds)
{
  const double whole = isfinite(seconds) && seconds > 0.0 ? floor(seconds) : 0.0;
  const double rest = whole > 0.0 ? floor((seconds - whole) * 1e9) : 0.0;
  const builtin_interfaces__msg__Time made = {.sec = (int32_t)whole, .nanosec = (uint32_t)rest};
  return made;
}

double hg_comms_wall(const struct hg_app *app, double monotonic)
{
  return app->timed ? monotonic + app->offset : (double)NAN;
}

static uint16_t features(const struct hg_app *app)
{
  enum { POWER = 1, VOLTAGE = 2, CURRENT = 4, ENERGY = 8, SWITCH = 16, WAVEFORM = 32, TEMPERATURE = 64, CAP = 128,
         ISLAND = 256, SCHEDULE = 512, JOB = 1024, AUTHENTICATION = 2048 }; /* OutletState.FEATURE_… */
  return (uint16_t)(POWER | VOLTAGE | CURRENT | ENERGY | SWITCH | WAVEFORM | TEMPERATURE | ISLAND | SCHEDULE | JOB |
                    (app->settings.relay.throttleable ? CAP : 0) |
                    (app->request_keys.required ? AUTHENTICATION : 0));
}

static void say_reading(const struct hg_app *app, hg_mail_reading_t *mail)
{
  hg_metering_t *w = &mail->reading.metering;
  hearthgrid_msgs__msg__Reading m = {
    .stamp = hg_comms_time(mail->reading.end), .sequence = mail->sequence, .duration = (float)mail->reading.duration,
    .supply = mail->supply, .voltage = (float)w->voltage, .current = (float)w->current,
    .active_power = (float)w->active_power, .reactive_power = (float)w->reactive_power,
    .apparent_power = (float)w->apparent_power, .power_factor = (float)w->power_factor,
    .frequency = (float)w->frequency, .energy_kwh = mail->reading.energy_kwh, .voltage_thd = (float)w->voltage_thd,
    .current_thd = (float)w->current_thd, .temperature = (float)mail->reading.temperature};
  hg_comms_text(&m.outlet, app->settings.id);
  POINT(m.harmonics, w->harmonics, isnan(w->harmonics[0]) ? 0 : HG_METERING_HARMONICS);
  hg_comms_send(HG_TO_READINGS, &m);
}

static void say_signature(const struct hg_app *app, hg_mail_signature_t *mail)
{
  hg_signature_t *s = &mail->signature;
  hearthgrid_msgs__msg__Signature m = {
    .stamp = hg_comms_time(mail->stamp), .sequence = mail->sequence, .version = HG_SIGNATURE_VERSION, .reason = mail->reason,
    .cycles = mail->cycles, .frequency = (float)s->frequency, .voltage = (float)s->voltage,
    .current = (float)s->current, .active_power = (float)s->active_power, .reactive_power = (float)s->reactive_power,
    .crest_factor = (float)s->crest_factor, .inrush_ratio = (float)s->inrush_ratio,
    .settling_time = (float)s->settling_time};
  hg_comms_text(&m.outlet, app->settings.id);
  POINT(m.harmonics_real, s->real, HG_SIGNATURE_HARMONICS);
  POINT(m.harmonics_imag, s->imaginary, HG_SIGNATURE_HARMONICS);
  POINT(m.wavelet_energy, s->wavelet_energy, HG_WAVELET_BANDS);
  POINT(m.trajectory, s->trajectory, HG_SIGNATURE_POINTS);
  hg_comms_send(HG_TO_SIGNATURES, &m);
}

static void fill_waveform(const struct hg_app *app, hg_mail_waveform_t *mail, hearthgrid_msgs__msg__Waveform *m)
{
  const hearthgrid_msgs__msg__Waveform made = {
    .stamp = hg_comms_time(mail->stamp), .sequence = mail->sequence, .reason = mail->reason, .cycles = mail->cycles,
    .sampling_rate = (float)app->settings.sampling_rate, .frequency = (float)mail->frequency,
    .voltage_scale = (float)app->settings.scale.voltage, .current_scale = (float)app->settings.scale.current};
  *m = made;
  hg_comms_text(&m->outlet, app->settings.id);
  POINT(m->voltage, mail->voltage, mail->n);
  POINT(m->current, mail->current, mail->n);
}

static void say_waveform(struct hg_app *app, hg_mail_waveform_t *mail)
{
  hg_pending_t *asked = &hg_comms.pending[HG_AT_CAPTURE_WAVEFORM];
  hearthgrid_msgs__msg__Waveform m;
  fill_waveform(app, mail, &m);
  if (mail->cycles > 0) {
    hg_comms_send(HG_TO_WAVEFORMS, &m);
  }
  if (asked->waits && asked->filling && mail->reason == hearthgrid_msgs__msg__Waveform__REASON_REQUEST) {
    hearthgrid_msgs__srv__CaptureWaveform_Response response = {.success = true, .waveform = m};
    hg_comms_text(&response.message, "");
    asked->waits = false;
    if (rcl_send_response(&hg_comms.at[HG_AT_CAPTURE_WAVEFORM], &asked->id, &response) != RCL_RET_OK) {
      rcl_reset_error();
    }
  }
}

static void say_state(const struct hg_app *app, const hg_mail_state_t *s)
{
  hearthgrid_msgs__msg__OutletState m = {
    .stamp = hg_comms_time(s->stamp), .relay = s->relay, .trip = s->trip, .waiting = s->waiting, .voice = s->voice,
    .power_min = (float)s->power_min, .power_max = (float)s->power_max, .priority = s->priority, .rank = s->rank,
    .demand = (float)s->demand, .inrush = (float)s->inrush, .thermal_load = (float)s->thermal_load,
    .deferrable = app->settings.deferrable, .requests_refused = s->refused, .features = features(app)};
  hg_comms_text(&m.outlet, app->settings.id);
  hg_comms_text(&m.title, app->settings.title);
  hg_comms_text(&m.reason, s->reason);
  hg_comms_send(HG_TO_STATES, &m);
}

static void say_job(const struct hg_app *app, const hg_mail_job_t *mail)
{
  const hg_job_t *j = &mail->job;
  hearthgrid_msgs__msg__Job m = {
    .stamp = hg_comms_time(mail->stamp), .status = (uint8_t)j->status, .energy_kwh = j->energy_kwh,
    .delivered_kwh = j->delivered_kwh, .power = (float)j->power, .deadline = hg_comms_time(j->deadline),
    .interruptible = j->interruptible};
  hg_comms_text(&m.outlet, app->settings.id);
  hg_comms_text(&m.id, j->id);
  hg_comms_send(HG_TO_JOBS, &m);
}

static void say_ballot(const struct hg_app *app, const hg_message_t *word)
{
  hg_wire_ballot_t w;
  uint8_t packed[HG_BALLOT_PACKED_MAX], mac[HG_AUTHENTIC_MAC_BYTES];
  rosidl_runtime_c__String committee[HG_COMMITTEE_SIZE_MAX];
  hg_ballot_write(&app->directory, word, &w);
  const double now = hg_comms_wall(app, app->platform.monotonic(app->platform.context));
  hearthgrid_msgs__msg__Ballot m = {
    .stamp = hg_comms_time(now), .kind = w.kind, .incarnation = w.incarnation, .epoch = w.epoch, .term = w.term,
    .round = w.round, .granted = w.granted, .committee_term = w.committee_term,
    .committee_version = w.committee_version, .mode = w.mode, .remembers = w.remembers};
  const int64_t stamp = (int64_t)m.stamp.sec * 1000000000 + m.stamp.nanosec;
  hg_comms_text(&m.sender, w.sender);
  hg_comms_text(&m.receiver, w.receiver);
  hg_comms_text(&m.leader, w.leader);
  for (size_t k = 0; k < w.count; k++) {
    hg_comms_text(&committee[k], w.committee[k]);
  }
  POINT(m.committee, committee, w.count);
  const hg_key_t *key = hg_keyring_signs(&app->ballot_keys, now);
  size_t length = 0;
  if (key != NULL && hg_ballot_pack(&w, stamp, packed, sizeof packed, &length) == HG_OK) {
    hg_sign(key->secret, key->length, packed, length, mac);
    POINT(m.mac, mac, sizeof mac);
  }
  hg_comms_send(HG_TO_BALLOTS, &m);
}

static void say_island(const struct hg_app *app, const hg_island_view_t *v)
{
  rosidl_runtime_c__String committee[HG_COMMITTEE_SIZE_MAX], members[HG_MEMBERS_MAX];
  hearthgrid_msgs__msg__IslandMode m = {
    .stamp = hg_comms_time(hg_comms_wall(app, v->since)), .mode = (uint8_t)v->mode, .epoch = v->epoch, .term = v->term,
    .provisional = v->provisional, .authority = v->authority, .voltage = (float)v->voltage,
    .frequency = (float)v->frequency};
  hg_comms_text(&m.member, app->settings.id);
  hg_comms_text(&m.leader, hg_directory_name(&app->directory, v->leader));
  hg_comms_text(&m.evidence, v->evidence);
  for (size_t k = 0; k < v->committee.count; k++) {
    hg_comms_text(&committee[k], hg_directory_name(&app->directory, v->committee.members[k]));
  }
  for (size_t k = 0; k < v->count; k++) {
    hg_comms_text(&members[k], hg_directory_name(&app->directory, v->members[k]));
  }
  POINT(m.committee, committee, v->committee.count);
  POINT(m.members, members, v->count);
  hg_comms_send(HG_TO_ISLAND, &m);
}

/* What the outlet says of its load by itself; what a library of models says is the hub's to say. */
static void say_identity(const struct hg_app *app, hg_mail_identity_t *mail)
{
  hg_identification_t *a = &mail->answer;
  rosidl_runtime_c__String candidates[HG_IDENTIFIER_CANDIDATES];
  float chances[HG_IDENTIFIER_CANDIDATES];
  if (!hg_comms_speak(app, !mail->quiet) || mail->quiet) {
    return;
  }
  hearthgrid_msgs__msg__Identity m = {
    .stamp = hg_comms_time(mail->time), .signature = mail->sequence, .state = (uint8_t)a->state,
    .probability = (float)a->probability, .model_probability = (float)a->model_probability,
    .novelty = (float)(1.0 / (1.0 + exp(-a->novelty))), .rated_power = (float)NAN};
  hg_comms_text(&m.outlet, app->settings.id);
  hg_comms_text(&m.type, a->type);
  hg_comms_text(&m.model, a->model);
  hg_comms_text(&m.note, "");
  hg_comms_text(&m.recipe, HG_OWN_RECIPE);
  for (size_t k = 0; k < a->count; k++) {
    hg_comms_text(&candidates[k], a->candidates[k]);
    chances[k] = (float)a->chances[k];
  }
  POINT(m.candidates, candidates, a->count);
  POINT(m.candidate_probabilities, chances, a->count);
  hg_comms_send(HG_TO_IDENTITIES, &m);
}

/* Empty a mailbox into a topic. Once nothing can be sent the rest waits: each would wait for the agent in vain. */
#define SAY(type, box, say) \
  for (type *mail; !hg_comms.failed && (mail = HG_MAIL_OLDEST(&app->out.box)) != NULL;) { \
    say(app, mail); \
    HG_MAIL_TAKEN(&app->out.box); \
  }

void hg_comms_say(struct hg_app *app)
{
  for (hg_mail_relay_t *mail; !hg_comms.failed && (mail = HG_MAIL_OLDEST(&app->out.relays)) != NULL;) {
    hearthgrid_msgs__msg__RelayCommand m = {.stamp = hg_comms_time(mail->stamp), .closed = mail->closed,
                                            .power_max = (float)mail->power_max, .counter = mail->counter};
    const int64_t stamp = (int64_t)m.stamp.sec * 1000000000 + m.stamp.nanosec;
    uint8_t packed[HG_PACKED_MAX], mac[HG_AUTHENTIC_MAC_BYTES];
    size_t length = 0;
    hg_comms_text(&m.outlet, app->settings.id);
    const hg_key_t *key = hg_keyring_signs(&app->request_keys, mail->stamp);
    if (key != NULL && hg_pack_relay(stamp, app->settings.id, m.closed, m.power_max, m.counter, packed, sizeof packed,
                                     &length) == HG_OK) {
      hg_sign(key->secret, key->length, packed, length, mac);
      POINT(m.mac, mac, sizeof mac);
    }
    hg_comms_send(HG_TO_RELAYS, &m);
    HG_MAIL_TAKEN(&app->out.relays);
  }
  SAY(hg_message_t, ballots, say_ballot)
  SAY(hg_mail_state_t, states, say_state)
  SAY(hg_island_view_t, islands, say_island)
  SAY(hg_mail_job_t, jobs, say_job)
  hg_comms_job_say(app);
  SAY(hg_mail_reading_t, readings, say_reading)
  SAY(hg_mail_signature_t, signatures, say_signature)
  SAY(hg_mail_identity_t, identities, say_identity)
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
      if (hg_comms_job_answer(app, p, a)) {
        p->waits = false;
        continue;
      }
      p->filling = at == HG_AT_CAPTURE_WAVEFORM && a->success;
      if (p->filling) {
        continue;
      }
      hearthgrid_msgs__srv__ResetTrip_Response short_response = {.success = a->success};
      hearthgrid_msgs__srv__CaptureWaveform_Response waveform_response = {.success = a->success};
      hg_comms_text(&short_response.message, a->text);
      hg_comms_text(&waveform_response.message, a->text);
      hg_comms_text(&waveform_response.waveform.outlet, app->settings.id);
      void *response = at == HG_AT_CAPTURE_WAVEFORM ? (void *)&waveform_response : (void *)&short_response;
      p->waits = false;
      if (rcl_send_response(&hg_comms.at[at], &p->id, response) != RCL_RET_OK) {
        rcl_reset_error(); /* whoever asked has gone */
      }
    }
    HG_MAIL_TAKEN(&app->out.answers);
  }
  SAY(hg_mail_waveform_t, waveforms, say_waveform) /* behind the answer that one of them may be part of */
}
