#include <math.h>
#include <string.h>

#include <hearthgrid_msgs/msg/ballot.h>
#include <hearthgrid_msgs/msg/breaker.h>
#include <hearthgrid_msgs/msg/identity.h>
#include <hearthgrid_msgs/msg/label.h>
#include <hearthgrid_msgs/msg/request.h>
#include <hearthgrid_msgs/msg/samples.h>

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
} M;

#ifdef HG_STATIC_MESSAGES
/* micro-ROS takes into what a message points at, up to its capacity. */
static char texts[6 + HG_COMMITTEE_SIZE_MAX][HG_MESSAGE_LENGTH + 1];
static uint8_t macs[2][HG_AUTHENTIC_MAC_BYTES];
static rosidl_runtime_c__String committee[HG_COMMITTEE_SIZE_MAX];
static rosidl_runtime_c__String candidates[HG_IDENTIFIER_CANDIDATES];
static float chances[HG_IDENTIFIER_CANDIDATES];

static void room(rosidl_runtime_c__String *s, size_t place)
{
  texts[place][0] = 0;
  s->data = texts[place];
  s->size = 0;
  s->capacity = sizeof texts[place];
}

bool hg_comms_hear_messages(void)
{
  memset(&M, 0, sizeof M);
  rosidl_runtime_c__String *const all[] = {&M.request.reason, &M.request.sender, &M.tie.reason, &M.ballot.sender,
                                           &M.ballot.receiver, &M.ballot.leader};
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
  return true;
}
#else
/* Other middlewares give a message the memory it needs, once. */
bool hg_comms_hear_messages(void)
{
  return hearthgrid_msgs__msg__Request__init(&M.request) && hearthgrid_msgs__msg__Breaker__init(&M.tie) &&
         hearthgrid_msgs__msg__Ballot__init(&M.ballot) && hearthgrid_msgs__msg__Samples__init(&M.samples) &&
         hearthgrid_msgs__msg__Identity__init(&M.identity) && hearthgrid_msgs__msg__Label__init(&M.label);
}
#endif

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
