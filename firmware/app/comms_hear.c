#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hearthgrid_msgs/msg/ballot.h>
#include <hearthgrid_msgs/msg/breaker.h>
#include <hearthgrid_msgs/msg/identity.h>
#include <hearthgrid_msgs/msg/label.h>
#include <hearthgrid_msgs/msg/request.h>
#include <hearthgrid_msgs/msg/samples.h>
#include <hearthgrid_msgs/srv/capture_waveform.h>
#include <hearthgrid_msgs/srv/get_schedule.h>
#include <hearthgrid_msgs/srv/reset_trip.h>
#include <hearthgrid_msgs/srv/set_priority.h>
#include <hearthgrid_msgs/srv/set_schedule.h>

#include "bytes.h"
#include "comms_ros.h"

#define AT_ONCE 32 /* messages of one topic taken before others have their turn */

/* One of each, taken into again and again. */
static struct {
  hearthgrid_msgs__msg__Request request;
  hearthgrid_msgs__msg__Breaker tie;
  hearthgrid_msgs__msg__Ballot ballot;
  hearthgrid_msgs__msg__Samples samples;
  hearthgrid_msgs__msg__Identity identity;
  hearthgrid_msgs__msg__Label label;
  hearthgrid_msgs__srv__GetSchedule_Request get;
  hearthgrid_msgs__srv__SetSchedule_Request set;
  hearthgrid_msgs__srv__SetPriority_Request priority;
  hearthgrid_msgs__srv__ResetTrip_Request reset;
  hearthgrid_msgs__srv__CaptureWaveform_Request capture;
} M;

#ifdef HG_STATIC_MESSAGES
/* micro-ROS takes into what a message points at, up to its capacity. */
static char texts[16][HG_MESSAGE_LENGTH + 1];
static uint8_t macs[2][HG_AUTHENTIC_MAC_BYTES];
static rosidl_runtime_c__String committee[HG_COMMITTEE_SIZE_MAX];
static hearthgrid_msgs__msg__ScheduleEntry entries[HG_SCHEDULE_ENTRIES];
static rosidl_runtime_c__String candidates[HG_IDENTIFIER_CANDIDATES];
static float chances[HG_IDENTIFIER_CANDIDATES];

static void room(rosidl_runtime_c__String *s, size_t place)
{
  texts[place][0] = 0;
  s->data = texts[place];
  s->size = 0;
  s->capacity = sizeof texts[place];
}

static bool messages(void)
{
  memset(&M, 0, sizeof M);
  rosidl_runtime_c__String *const all[] = {&M.request.reason, &M.request.sender, &M.tie.reason, &M.ballot.sender,
                                           &M.ballot.receiver, &M.ballot.leader, &M.reset.sender};
  const size_t n = sizeof all / sizeof all[0];
  for (size_t k = 0; k < n; k++) {
    room(all[k], k);
  }
  for (size_t k = 0; k < HG_COMMITTEE_SIZE_MAX; k++) {
    room(&committee[k], n + k);
  }
  M.ballot.committee.data = committee;
  M.ballot.committee.capacity = HG_COMMITTEE_SIZE_MAX;
  M.request.mac.data = macs[0];
  M.ballot.mac.data = macs[1];
  M.request.mac.capacity = M.ballot.mac.capacity = HG_AUTHENTIC_MAC_BYTES;
  /* What an answer or a label says stands in the same places: one message is heard at a time, and copied. */
  rosidl_runtime_c__String *const said[] = {&M.identity.outlet, &M.identity.type, &M.identity.model, &M.identity.note,
                                            &M.identity.recipe};
  rosidl_runtime_c__String *const label[] = {&M.label.outlet, &M.label.type, &M.label.model};
  for (size_t k = 0; k < sizeof said / sizeof said[0]; k++) {
    room(said[k], k);
  }
  for (size_t k = 0; k < HG_IDENTIFIER_CANDIDATES; k++) {
    room(&candidates[k], sizeof said / sizeof said[0] + k);
  }
  for (size_t k = 0; k < sizeof label / sizeof label[0]; k++) {
    room(label[k], k);
  }
  M.identity.candidates.data = candidates;
  M.identity.candidate_probabilities.data = chances;
  M.identity.candidates.capacity = M.identity.candidate_probabilities.capacity = HG_IDENTIFIER_CANDIDATES;
  M.set.entries.data = entries;
  M.set.entries.capacity = HG_SCHEDULE_ENTRIES;
  return true;
}
#else
/* Other middlewares give a message the memory it needs, once. */
static bool messages(void)
{
  return hearthgrid_msgs__msg__Request__init(&M.request) && hearthgrid_msgs__msg__Breaker__init(&M.tie) &&
         hearthgrid_msgs__msg__Ballot__init(&M.ballot) && hearthgrid_msgs__msg__Samples__init(&M.samples) &&
         hearthgrid_msgs__msg__Identity__init(&M.identity) && hearthgrid_msgs__msg__Label__init(&M.label) &&
         hearthgrid_msgs__srv__GetSchedule_Request__init(&M.get) &&
         hearthgrid_msgs__srv__SetSchedule_Request__init(&M.set) &&
         hearthgrid_msgs__srv__SetPriority_Request__init(&M.priority) &&
         hearthgrid_msgs__srv__ResetTrip_Request__init(&M.reset) &&
         hearthgrid_msgs__srv__CaptureWaveform_Request__init(&M.capture);
}
#endif

bool hg_comms_messages(void)
{
  hg_comms.messages = hg_comms.messages || messages();
  return hg_comms.messages;
}

static int64_t nanoseconds(builtin_interfaces__msg__Time t) { return (int64_t)t.sec * 1000000000 + t.nanosec; }
static double seconds(builtin_interfaces__msg__Time t) { return (double)t.sec + 1e-9 * (double)t.nanosec; }

/* Copy a text of at most room - 1 bytes; false where it is longer. */
static bool copy(char *to, size_t room, const rosidl_runtime_c__String *from)
{
  const bool fits = from->size < room;
  memset(to, 0, room);
  if (fits && from->size > 0) {
    memcpy(to, from->data, from->size);
  }
  return fits;
}

static size_t code(uint8_t to[HG_AUTHENTIC_MAC_BYTES], const uint8_t *from, size_t n)
{
  memset(to, 0, HG_AUTHENTIC_MAC_BYTES);
  if (n > 0) {
    memcpy(to, from, n < HG_AUTHENTIC_MAC_BYTES ? n : HG_AUTHENTIC_MAC_BYTES);
  }
  return n < HG_AUTHENTIC_MAC_BYTES ? n : HG_AUTHENTIC_MAC_BYTES;
}

static void hear_request(struct hg_app *app)
{
  const hearthgrid_msgs__msg__Request *m = &M.request;
  hg_mail_request_t *mail = HG_MAIL_PLACE(&app->in.requests);
  if (mail == NULL || !copy(mail->wire.reason, sizeof mail->wire.reason, &m->reason) ||
      !copy(mail->wire.sender, sizeof mail->wire.sender, &m->sender)) {
    return;
  }
  mail->wire.stamp = nanoseconds(m->stamp);
  mail->wire.expiry = nanoseconds(m->expiry);
  mail->wire.counter = m->counter;
  mail->wire.epoch = m->epoch;
  mail->wire.term = m->term;
  mail->wire.power_min = m->power_min;
  mail->wire.power_max = m->power_max;
  mail->wire.voice = m->voice;
  mail->wire.provisional = m->provisional;
  mail->mac_length = code(mail->mac, m->mac.data, m->mac.size);
  HG_MAIL_SENT(&app->in.requests);
}

static void hear_tie(struct hg_app *app)
{
  hg_mail_tie_t *mail = HG_MAIL_PLACE(&app->in.ties);
  if (mail != NULL) {
    mail->known = M.tie.state == hearthgrid_msgs__msg__Breaker__STATE_OPEN ||
                  M.tie.state == hearthgrid_msgs__msg__Breaker__STATE_CLOSED;
    mail->closed = M.tie.state == hearthgrid_msgs__msg__Breaker__STATE_CLOSED;
    mail->alive = M.tie.grid_alive;
    mail->stamp = seconds(M.tie.stamp);
    HG_MAIL_SENT(&app->in.ties);
  }
}

static void hear_ballot(struct hg_app *app)
{
  const hearthgrid_msgs__msg__Ballot *m = &M.ballot;
  hg_mail_ballot_t *mail = HG_MAIL_PLACE(&app->in.ballots);
  if (mail == NULL || m->committee.size > HG_COMMITTEE_SIZE_MAX) {
    return;
  }
  hg_wire_ballot_t *w = &mail->wire;
  bool fits = copy(w->sender, sizeof w->sender, &m->sender) && copy(w->receiver, sizeof w->receiver, &m->receiver) &&
              copy(w->leader, sizeof w->leader, &m->leader);
  for (size_t k = 0; k < m->committee.size && fits; k++) {
    fits = copy(w->committee[k], sizeof w->committee[k], &m->committee.data[k]);
  }
  if (!fits) {
    return;
  }
  w->count = m->committee.size;
  w->kind = m->kind;
  w->mode = m->mode;
  w->granted = m->granted;
  w->remembers = m->remembers;
  w->incarnation = m->incarnation;
  w->round = m->round;
  w->epoch = m->epoch;
  w->term = m->term;
  w->committee_term = m->committee_term;
  w->committee_version = m->committee_version;
  mail->stamp = nanoseconds(m->stamp);
  mail->mac_length = code(mail->mac, m->mac.data, m->mac.size);
  HG_MAIL_SENT(&app->in.ballots);
}

static bool mine(const struct hg_app *app, const rosidl_runtime_c__String *outlet)
{
  return outlet->size == strlen(app->settings.id) && memcmp(outlet->data, app->settings.id, outlet->size) == 0;
}

static void hear_samples(struct hg_app *app)
{
  const hearthgrid_msgs__msg__Samples *m = &M.samples;
  if (!mine(app, &m->outlet)) {
    hg_comms.foreign++;
    return;
  }
  const hg_block_t block = {.stamp = seconds(m->stamp), .sampling_rate = (double)m->sampling_rate,
                            .nominal_frequency = (double)m->nominal_frequency, .temperature = (double)m->temperature,
                            .scale = {(double)m->voltage_scale, (double)m->current_scale}, .sequence = m->sequence,
                            .n = m->voltage.size == m->current.size ? m->voltage.size : 0,
                            .voltage = m->voltage.data, .current = m->current.data};
  uint32_t lost;
  hg_comms.dropped[hg_comms.settings.samples(hg_comms.settings.context, &block, &lost)]++;
  hg_comms.lost += lost;
}

static void hear_identity(struct hg_app *app)
{
  const hearthgrid_msgs__msg__Identity *m = &M.identity;
  const size_t speaker = strlen(HG_OWN_SPEAKER);
  if (!mine(app, &m->outlet)) {
    return;
  }
  hg_told_t *told = HG_MAIL_PLACE(&app->in.told);
  if (told != NULL && m->state <= HG_IDENTITY_NAMED && copy(told->type, sizeof told->type, &m->type) &&
      copy(told->model, sizeof told->model, &m->model)) {
    told->sequence = m->signature;
    told->time = seconds(m->stamp);
    told->state = (hg_identity_t)m->state;
    told->probability = (double)m->probability;
    told->own = m->recipe.size >= speaker && memcmp(m->recipe.data, HG_OWN_SPEAKER, speaker) == 0;
    HG_MAIL_SENT(&app->in.told);
  }
  hg_comms.identities++;
}

static void hear_label(struct hg_app *app)
{
  const hearthgrid_msgs__msg__Label *m = &M.label;
  hg_label_t *label = mine(app, &m->outlet) ? HG_MAIL_PLACE(&app->in.labels) : NULL;
  if (label != NULL && copy(label->type, sizeof label->type, &m->type) &&
      copy(label->model, sizeof label->model, &m->model)) {
    label->said = seconds(m->stamp);
    label->begin = nanoseconds(m->valid_from) > 0 ? seconds(m->valid_from) : label->said;
    label->end = nanoseconds(m->valid_until) > 0 ? seconds(m->valid_until) : (double)INFINITY;
    HG_MAIL_SENT(&app->in.labels);
  }
}

void hg_comms_hear(struct hg_app *app, int from)
{
  static const struct {
    void *message;
    void (*hear)(struct hg_app *app);
  } ROWS[HG_FROMS] = {[HG_FROM_REQUEST] = {&M.request, hear_request},
                      [HG_FROM_TIE] = {&M.tie, hear_tie},
                      [HG_FROM_BALLOTS] = {&M.ballot, hear_ballot},
                      [HG_FROM_IDENTITIES] = {&M.identity, hear_identity},
                      [HG_FROM_LABELS] = {&M.label, hear_label},
                      [HG_FROM_ADC] = {&M.samples, hear_samples}};
  rmw_message_info_t info;
  for (int k = 0; k < AT_ONCE; k++) {
    if (rcl_take(&hg_comms.from[from], ROWS[from].message, &info, NULL) != RCL_RET_OK) {
      rcl_reset_error();
      return;
    }
    ROWS[from].hear(app);
  }
}

/* Services. */

static void get_schedule(const struct hg_app *app, rmw_request_id_t *id)
{
  static hearthgrid_msgs__msg__ScheduleEntry rows[HG_SCHEDULE_ENTRIES];
  static char nothing[1] = "";
  const size_t count = app->schedule.count;
  for (size_t k = 0; k < count; k++) {
    const hg_entry_t *e = &app->schedule.entries[k];
    rows[k].days = e->days;
    rows[k].start_minute = e->start;
    rows[k].end_minute = e->end;
    rows[k].on = e->on;
    rows[k].power_max = (float)e->power_max;
  }
  hearthgrid_msgs__srv__GetSchedule_Response response = {
    .success = true, .message = {nothing, 0, 1}, .entries = {rows, count, HG_SCHEDULE_ENTRIES},
    .priority = app->control.priority, .rank = app->control.rank};
  if (rcl_send_response(&hg_comms.at[HG_AT_GET_SCHEDULE], id, &response) != RCL_RET_OK) {
    rcl_reset_error();
  }
}

static uint8_t *put_float(uint8_t *to, float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return hg_put(to, bits, sizeof bits);
}

/* The words that would permit what is asked: over all fields of the request, in its order. */
static void words(const struct hg_app *app, hg_mail_ask_t *ask, int at)
{
  static uint8_t body[4 + HG_SCHEDULE_ENTRIES * 29 + HG_SENDER_LENGTH];
  static const char *const NAMES[HG_ATS] = {[HG_AT_SET_SCHEDULE] = "set_schedule", [HG_AT_SET_PRIORITY] = "set_priority",
                                            [HG_AT_RESET_TRIP] = "reset_trip"};
  char name[2 * HG_REASON_LENGTH];
  uint8_t *to = body;
  if (NAMES[at] == NULL) {
    return; /* it needs none */
  }
  switch (at) {
    case HG_AT_SET_SCHEDULE:
      to = hg_put(to, M.set.entries.size, 4);
      for (size_t k = 0; k < M.set.entries.size && k < HG_SCHEDULE_ENTRIES; k++) {
        const hearthgrid_msgs__msg__ScheduleEntry *e = &M.set.entries.data[k];
        to = hg_put(hg_put(hg_put(to, e->days, 8), e->start_minute, 8), e->end_minute, 8);
        to = put_float(hg_put(to, e->on, 1), e->power_max);
      }
      break;
    case HG_AT_SET_PRIORITY: to = hg_put(hg_put(to, M.priority.priority, 8), M.priority.rank, 8); break;
    default: to = hg_put_text(to, M.reset.sender.data, M.reset.sender.size <= HG_SENDER_LENGTH ? M.reset.sender.size : 0);
  }
  snprintf(name, sizeof name, "%s%s/%s/%s", hg_comms.settings.home[0] == '/' ? "" : "/", hg_comms.settings.home,
           app->settings.id, NAMES[at]);
  hg_permit_words(name, body, (size_t)(to - body), ask->words);
}

static bool fill(hg_mail_ask_t *ask, int at)
{
  switch (at) {
    case HG_AT_SET_SCHEDULE:
      ask->kind = HG_ASK_SCHEDULE;
      ask->count = M.set.entries.size;
      for (size_t k = 0; k < ask->count && k < HG_SCHEDULE_ENTRIES; k++) {
        const hearthgrid_msgs__msg__ScheduleEntry *e = &M.set.entries.data[k];
        ask->entries[k] = (hg_entry_t){.days = e->days, .on = e->on, .start = e->start_minute, .end = e->end_minute,
                                       .power_max = (double)e->power_max};
      }
      return true;
    case HG_AT_SET_PRIORITY:
      ask->kind = HG_ASK_PRIORITY;
      ask->priority = M.priority.priority;
      ask->rank = M.priority.rank;
      return true;
    case HG_AT_RESET_TRIP: ask->kind = HG_ASK_RESET; return true;
    case HG_AT_CAPTURE_WAVEFORM: ask->kind = HG_ASK_WAVEFORM; return true;
    default: return false;
  }
}

void hg_comms_serve(struct hg_app *app, int at)
{
  static void *const REQUESTS[HG_ATS] = {[HG_AT_GET_SCHEDULE] = &M.get, [HG_AT_SET_SCHEDULE] = &M.set,
                                         [HG_AT_SET_PRIORITY] = &M.priority, [HG_AT_RESET_TRIP] = &M.reset,
                                         [HG_AT_CAPTURE_WAVEFORM] = &M.capture};
  hg_pending_t *pending = &hg_comms.pending[at];
  hg_mail_ask_t *ask = HG_MAIL_PLACE(&app->in.asks);
  rmw_request_id_t id;
  if (pending->waits || ask == NULL) {
    return; /* the one before has no answer yet: this one waits in the middleware */
  }
  bool wants = false;
  if (REQUESTS[at] == NULL) {
    wants = hg_comms_job_serve(app, at, ask, &id);
  } else if (rcl_take_request(&hg_comms.at[at], &id, REQUESTS[at]) != RCL_RET_OK) {
    rcl_reset_error();
  } else if (at == HG_AT_GET_SCHEDULE) {
    get_schedule(app, &id);
  } else {
    memset(ask, 0, sizeof *ask);
    wants = fill(ask, at);
    words(app, ask, at);
  }
  if (wants) {
    ask->ticket = ++hg_comms.ticket;
    *pending = (hg_pending_t){.waits = true, .ticket = ask->ticket, .id = id,
                              .since = app->platform.monotonic(app->platform.context)};
    HG_MAIL_SENT(&app->in.asks);
  }
}
