#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

#define LEFT_ON(priority) ((priority) >= HG_CLASS_MEDICAL && (priority) <= HG_CLASS_SAFETY)
#define DEMAND_TIME 2.0 /* of the fall of the demand [s] */
#define DEAD 40.0       /* below it there is no supply [V] */
#define WELDED_CURRENT 0.5
#define WELDED_TIME 1.0
#define DEMAND_STEP 30.0
#define DEMAND_SHARE 0.2
#define WARM 0.05
#define JOB_PERIOD 10.0      /* between words on a job that is not finished [s] */
#define PROGRESS_PERIOD 2.0  /* … to those who asked for it [s] */
#define NO_CAP ((double)INFINITY)

/* What is measured. */

void hg_control_measure(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  const hg_app_settings_t *s = &app->settings;
  const uint32_t count = app->ring.count, fresh = count - c->measured_count;
  size_t n = fresh < app->ring.held ? fresh : app->ring.held;
  n = n < HG_CONTROL_SAMPLES ? n - n % HG_ALIGN_SAMPLES_PER_CYCLE : HG_CONTROL_SAMPLES;
  if (n > 0 && hg_ring_latest(&app->ring, n, c->voltage, c->current) == HG_OK &&
      hg_measure(c->voltage, c->current, n, s->scale, s->sampling_rate, s->detector.nominal_frequency,
                 &c->measured) == HG_OK) {
    c->measured.temperature = app->platform.temperature(app->platform.context);
    c->measured_count = count;
    c->measured_at = c->heard_at = c->now;
    c->sighted = true;
  }
  if (c->now - c->heard_at > s->silence_max) {
    c->sighted = false;
  }
  const double half = 0.5 / s->detector.nominal_frequency;
  const uint32_t waiting = __atomic_load_n(&app->looks.written, __ATOMIC_ACQUIRE) - app->looks.read;
  for (uint32_t k = waiting; k > 0; k--) {
    hg_look_t *look = HG_MAIL_OLDEST(&app->looks);
    look->time = c->now - half * (k - 1U);
    hg_island_look(&app->island, look);
    hg_own_shedding_look(&app->shedding, c->now, look, c->priority, c->rank);
    HG_MAIL_TAKEN(&app->looks);
  }
  for (hg_mail_tie_t *t; (t = HG_MAIL_OLDEST(&app->in.ties)) != NULL;) {
    const double age = app->timed ? hg_app_wall(app, c->now) - t->stamp : 0.0;
    hg_island_tie(&app->island, c->now - fmax(age, 0.0), t->known, t->closed, t->alive);
    hg_own_shedding_tie(&app->shedding, c->now, t->known, t->closed, t->alive);
    HG_MAIL_TAKEN(&app->in.ties);
  }
}

/* What is asked. */

static void receive(struct hg_app *app, double wall, const hg_mail_request_t *mail)
{
  struct hg_control *c = &app->control;
  const hg_wire_request_t *w = &mail->wire;
  uint8_t packed[HG_PACKED_MAX];
  hg_request_t r = {.voice = w->voice, .epoch = w->epoch, .term = w->term, .counter = w->counter,
                    .stamp = (double)w->stamp * 1e-9, .expiry = (double)w->expiry * 1e-9,
                    .power_min = (double)w->power_min, .power_max = (double)w->power_max,
                    .provisional = w->provisional, .packed = packed, .mac = mail->mac, .mac_length = mail->mac_length};
  memcpy(r.sender, w->sender, sizeof r.sender);
  const hg_status_t written = hg_pack(w, packed, sizeof packed, &r.packed_length);
  const bool call = r.voice == HG_PERMIT_CALL;
  const hg_key_choice_t key = hg_keys_request(app, wall, &r);
  app->requests.key = app->permits.key = key.secret;
  app->requests.key_length = app->permits.key_length = key.length;
  const hg_refusal_t refusal = written != HG_OK ? HG_REFUSAL_FORGED
                               : call           ? hg_permits_hear(&app->permits, wall, &r, w->reason)
                                                : hg_requests_receive(&app->requests, wall, &r);
  if (refusal != HG_REFUSAL_NONE) {
    c->refused++;
    hg_app_say(app, HG_LOG_WARNING, "a request of '%s' (voice %d) is refused: reason %d", r.sender, r.voice,
               (int)refusal);
    return;
  }
  c->dirty = c->dirty || r.voice == HG_VOICE_PERSON;
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    const hg_voice_record_t *v = &app->requests.voices[k];
    if (v->known && v->voice == r.voice && strcmp(v->sender, r.sender) == 0) {
      snprintf(c->reasons[k], sizeof c->reasons[k], w->reason[0] != 0 ? "%s" : "asked by %s",
               w->reason[0] != 0 ? w->reason : r.sender);
    }
  }
}

/* What a person asked before the restart; a newer word has been heard already if it comes first. */
static void restore_person(struct hg_app *app, double wall)
{
  struct hg_control *c = &app->control;
  hg_voice_record_t rows[HG_REQUEST_SENDERS];
  if (hg_requests_held(&app->requests, HG_VOICE_PERSON, rows) > 0 ||
      hg_requests_restore(&app->requests, wall, &c->person, 1) != HG_OK) {
    return;
  }
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    if (app->requests.voices[k].held && app->requests.voices[k].voice == HG_VOICE_PERSON) {
      memcpy(c->reasons[k], c->person_reason, sizeof c->reasons[k]);
    }
  }
}

/* What is done. */

static void weigh(struct hg_control *c)
{
  const double draw = fmax(c->measured.active_power, 0.0);
  const double since = fmin(1.0, fabs(c->measured_at - c->weighed_at) / DEMAND_TIME);
  c->weighed_at = c->measured_at;
  c->demand = isnan(c->demand) || draw > c->demand ? draw : c->demand + since * (draw - c->demand);
}

static bool another(double demand, double told)
{
  return isnan(demand) || isnan(told) ? isnan(demand) != isnan(told)
                                      : fabs(demand - told) > fmax(DEMAND_STEP, DEMAND_SHARE * told);
}

static void command(struct hg_app *app, bool closed, double power_max)
{
  struct hg_control *c = &app->control;
  const bool moves = !c->commanded || c->command_closed != closed;
  const bool same = c->commanded && !moves && !(c->command_max < power_max) && !(c->command_max > power_max);
  hg_mail_relay_t *mail = HG_MAIL_PLACE(&app->out.relays);
  if (moves) {
    app->platform.relay(app->platform.context, closed);
  }
  if ((same && c->now - c->commanded_at < app->settings.heartbeat) || (mail == NULL && !moves)) {
    return;
  }
  c->dirty = c->dirty || moves;
  c->commanded = true;
  c->command_closed = closed;
  c->command_max = power_max;
  c->commanded_at = mail != NULL ? c->now : -(double)INFINITY; /* lost for want of room: said again */
  if (mail != NULL) {
    const double wall = hg_app_wall(app, c->now);
    const uint64_t clock = wall > 0.0 ? (uint64_t)(1e3 * wall) : 0;
    c->relay_counter = clock > c->relay_counter ? clock : c->relay_counter + 1;
    *mail = (hg_mail_relay_t){.stamp = wall, .closed = closed, .power_max = power_max, .counter = c->relay_counter};
    HG_MAIL_SENT(&app->out.relays);
  }
}

static void tell(struct hg_app *app, const hg_mail_state_t *state)
{
  struct hg_control *c = &app->control;
  const hg_mail_state_t *t = &c->told;
  const bool same = state->relay == t->relay && state->trip == t->trip && state->voice == t->voice &&
                    state->priority == t->priority && state->rank == t->rank && state->waiting == t->waiting &&
                    !(state->power_min < t->power_min) && !(state->power_min > t->power_min) &&
                    !(state->power_max < t->power_max) && !(state->power_max > t->power_max) &&
                    state->refused == t->refused && strcmp(state->reason, t->reason) == 0 &&
                    fabs(state->thermal_load - t->thermal_load) < WARM && !another(state->demand, t->demand);
  hg_mail_state_t *mail = HG_MAIL_PLACE(&app->out.states);
  if ((same && c->now - c->told_at < app->settings.heartbeat) || mail == NULL) {
    return;
  }
  c->told = *state;
  c->told_at = c->now;
  *mail = *state;
  HG_MAIL_SENT(&app->out.states);
}

bool hg_control_progress(struct hg_app *app, double wall)
{
  struct hg_control *c = &app->control;
  const hg_job_t *job = &app->jobs.job;
  if (!app->jobs.known || __atomic_load_n(&app->askers, __ATOMIC_ACQUIRE) == 0 ||
      (!hg_job_ended(job) && c->now - c->progress_at < PROGRESS_PERIOD)) {
    return true;
  }
  hg_mail_progress_t *mail = HG_MAIL_PLACE(&app->out.progress);
  if (mail == NULL) {
    return false;
  }
  const double begins = job->status == HG_JOB_STATUS_RUNNING ? wall : fmax(wall, hg_job_book_latest_start(&app->jobs));
  c->progress_at = c->now;
  *mail = (hg_mail_progress_t){.stamp = wall, .finish = begins + hg_job_remaining(job), .job = *job};
  memcpy(mail->reason, c->reason, sizeof mail->reason);
  HG_MAIL_SENT(&app->out.progress);
  return true;
}

static void follow_job(struct hg_app *app, double wall)
{
  struct hg_control *c = &app->control;
  const hg_job_t *job = &app->jobs.job;
  hg_mail_job_t *mail = HG_MAIL_PLACE(&app->out.jobs);
  const bool same = job->status == c->job_told.status && strcmp(job->id, c->job_told.id) == 0 &&
                    !(job->deadline < c->job_told.deadline) && !(job->deadline > c->job_told.deadline);
  if (!app->jobs.known || mail == NULL ||
      (same && (hg_job_ended(job) || c->now - c->job_told_at < JOB_PERIOD))) {
    return;
  }
  c->dirty = c->dirty || !same;
  c->job_told = *job;
  c->job_told_at = c->now;
  *mail = (hg_mail_job_t){.stamp = wall, .job = *job};
  HG_MAIL_SENT(&app->out.jobs);
}

static bool welded(struct hg_control *c, bool closed)
{
  if (closed) {
    c->open_since = (double)NAN;
  } else if (isnan(c->open_since)) {
    c->open_since = c->now;
  }
  return !closed && c->sighted && c->measured.current > WELDED_CURRENT && c->now - c->open_since >= WELDED_TIME;
}

void hg_control_decide(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  const double wall = hg_app_wall(app, c->now);
  const bool was_closed = app->relay.known && app->relay.closed;
  app->permits.started = app->permits.started > 0.0 ? app->permits.started : wall;
  for (hg_mail_request_t *r; (r = HG_MAIL_OLDEST(&app->in.requests)) != NULL;) {
    receive(app, wall, r);
    HG_MAIL_TAKEN(&app->in.requests);
  }
  if (c->person_kept && app->timed) {
    c->person_kept = false;
    restore_person(app, wall);
  }
  hg_asks_step(app);
  const hg_trip_t trip = hg_protection_step(&app->protection, c->now, c->sighted ? &c->measured : NULL, was_closed);
  if (trip != c->trip && trip != HG_TRIP_NONE && !(c->trip_kept && c->trip == HG_TRIP_NONE)) {
    hg_words_cause(app);
  }
  c->trip_kept = false;
  const bool fed = c->sighted && c->measured.voltage > DEAD;
  hg_job_book_step(&app->jobs, wall, was_closed && c->told.power_min > 0.0,
                   fed ? c->measured.active_power : (double)NAN);

  hg_said_t said;
  hg_words_collect(app, wall, &said);
  const hg_word_t agreed = hg_settle(said.words, said.count);
  bool wanted = agreed.band.power_min > 0.0 || (agreed.band.power_max > 0.0 && app->settings.normally_on);
  hg_mail_state_t state = {.stamp = wall};
  snprintf(state.reason, sizeof state.reason, "%s", hg_words_reason(&said, agreed));
  if (!c->sighted) {
    snprintf(state.reason, sizeof state.reason, "no samples%s; %.80s",
             wanted && !was_closed ? ", so no protection: stays open" : "", hg_words_reason(&said, agreed));
    wanted = wanted && was_closed;
  }
  if (c->sighted || app->relay.known) {
    hg_relay_step(&app->relay, c->now, wanted, trip != HG_TRIP_NONE || app->shedding.off);
  }
  const bool closed = app->relay.known && app->relay.closed;
  if (was_closed && (closed || app->shedding.off) && c->sighted && c->measured_at > c->weighed_at) {
    weigh(c);
  }
  if (app->relay.known) {
    command(app, closed, agreed.band.power_max);
  }
  const bool stuck = welded(c, closed);
  if (stuck != c->welded) {
    hg_app_say(app, stuck ? HG_LOG_ERROR : HG_LOG_INFO,
               stuck ? "current flows through the open relay" : "the relay is open");
    c->welded = stuck;
  }
  state.relay = !app->relay.known ? 0 : closed ? 2 : 1; /* OutletState.RELAY_… */
  state.trip = (uint8_t)trip;
  state.waiting = app->relay.known && closed != wanted;
  state.voice = (uint8_t)agreed.voice;
  state.power_min = agreed.band.power_min;
  state.power_max = agreed.band.power_max;
  state.priority = c->priority;
  state.rank = c->rank;
  state.demand = c->demand;
  state.inrush = (double)app->inrush;
  state.thermal_load = app->protection.thermal_load;
  state.refused = c->refused;
  tell(app, &state);
  follow_job(app, wall);
  memcpy(c->reason, state.reason, sizeof c->reason);
  hg_control_progress(app, wall);
  if (trip != c->trip) {
    hg_app_say(app, trip != HG_TRIP_NONE ? HG_LOG_ERROR : HG_LOG_INFO, "protection: %s",
               trip != HG_TRIP_NONE ? c->cause : "no trip");
    c->trip = trip;
    c->dirty = true;
  }
}

void hg_control_release(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  const bool stays = app->relay.known && app->relay.closed && LEFT_ON(c->priority);
  if (!stays) {
    hg_relay_step(&app->relay, c->now, false, true);
  }
  command(app, stays, NO_CAP);
}

void hg_app_say(const struct hg_app *app, hg_log_t level, const char *format, ...)
{
  char text[HG_MESSAGE_LENGTH + 1];
  va_list rest;
  va_start(rest, format);
  vsnprintf(text, sizeof text, format, rest);
  va_end(rest);
  app->platform.log(app->platform.context, level, text);
}
