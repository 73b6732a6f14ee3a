#include <stdio.h>
#include <string.h>

#include <action_msgs/msg/goal_status_array.h>
#include <action_msgs/srv/cancel_goal.h>
#include <hearthgrid_msgs/action/run_job.h>

#include "bytes.h"
#include "comms_ros.h"

/* The action `run_job` on its own entities: an action is three services and two topics. rcl_action would allocate
 * memory for each goal; here goals stand in a table. */

#define GOALS 8
#define ASKED 8            /* questions for a result that wait for it */
#define RESULT_KEPT 900.0  /* after the end [s] */
#define CANCEL "/cancel"   /* behind the action's name: the call that takes a goal back */

typedef action_msgs__msg__GoalInfo info_t;

enum { ACCEPTED = 1, EXECUTING, CANCELING, SUCCEEDED, CANCELED, ABORTED }; /* GoalStatus.STATUS_… */

typedef struct {
  int8_t state; /* 0 = this place is vacant */
  info_t info;
  char job[HG_JOB_ID_LENGTH + 1];
  double since; /* its end [s, monotonic] */
  hearthgrid_msgs__action__RunJob_Result result;
  char words[48];
} goal_t;

static struct {
  hearthgrid_msgs__action__RunJob_SendGoal_Request goal;
  action_msgs__srv__CancelGoal_Request cancel;
  hearthgrid_msgs__action__RunJob_GetResult_Request result;
} M;

static struct {
  goal_t goals[GOALS];
  struct {
    bool waits;
    uint8_t goal[16];
    rmw_request_id_t id;
  } asked[ASKED];
  info_t wanted; /* the goal that waits for control's answer, to be taken or taken back */
  info_t cancelling;
  bool news; /* the table of states is another */
} J;

#ifdef HG_STATIC_MESSAGES
bool hg_comms_job_messages(void)
{
  static char id[HG_JOB_ID_LENGTH + 1];
  memset(&M, 0, sizeof M);
  M.goal.goal.id.data = id;
  M.goal.goal.id.capacity = sizeof id;
  return true;
}
#else
bool hg_comms_job_messages(void)
{
  return hearthgrid_msgs__action__RunJob_SendGoal_Request__init(&M.goal) &&
         action_msgs__srv__CancelGoal_Request__init(&M.cancel) &&
         hearthgrid_msgs__action__RunJob_GetResult_Request__init(&M.result);
}
#endif

static bool same(const uint8_t *a, const uint8_t *b) { return memcmp(a, b, 16) == 0; }
static bool over(const goal_t *g) { return g->state >= SUCCEEDED; }
static double clock_of(const struct hg_app *app) { return app->platform.monotonic(app->platform.context); }
static bool takes_back(const hg_pending_t *p) { return p == &hg_comms.pending[HG_AT_RUN_JOB_CANCEL_GOAL]; }

static int64_t nanoseconds(builtin_interfaces__msg__Time t) { return (int64_t)t.sec * 1000000000 + t.nanosec; }

static goal_t *find(const uint8_t id[16])
{
  for (size_t k = 0; k < GOALS; k++) {
    if (J.goals[k].state != 0 && same(J.goals[k].info.goal_id.uuid, id)) {
      return &J.goals[k];
    }
  }
  return NULL;
}

/* A place for one more: a vacant one, else that of the goal that ended first. */
static goal_t *vacancy(void)
{
  goal_t *found = NULL;
  for (size_t k = 0; k < GOALS; k++) {
    goal_t *g = &J.goals[k];
    if (g->state == 0) {
      return g;
    }
    found = over(g) && (found == NULL || g->since < found->since) ? g : found;
  }
  return found;
}

static void respond(int at, rmw_request_id_t *id, void *response)
{
  if (rcl_send_response(&hg_comms.at[at], id, response) != RCL_RET_OK) {
    rcl_reset_error(); /* whoever asked has gone */
  }
}

static void count(struct hg_app *app)
{
  uint32_t open = 0;
  for (size_t k = 0; k < GOALS; k++) {
    open += J.goals[k].state != 0 && !over(&J.goals[k]);
  }
  __atomic_store_n(&app->askers, open, __ATOMIC_RELEASE);
  J.news = true;
}

void hg_comms_job_clear(struct hg_app *app)
{
  memset(&J, 0, sizeof J);
  count(app);
}

/* Questions. */

static void permit(const struct hg_app *app, hg_mail_ask_t *ask, const char *behind, const uint8_t *body, size_t length)
{
  char name[HG_NAME_MAX];
  hg_comms_name(name, app, HG_SCOPE_OUTLET, "run_job");
  strncat(name, behind, sizeof name - strlen(name) - 1);
  hg_permit_words(name, body, length, ask->words);
}

static void refuse_goal(rmw_request_id_t *id)
{
  hearthgrid_msgs__action__RunJob_SendGoal_Response no = {.accepted = false};
  respond(HG_AT_RUN_JOB_SEND_GOAL, id, &no);
}

static bool ask_for(struct hg_app *app, hg_mail_ask_t *ask, rmw_request_id_t *id)
{
  const hearthgrid_msgs__action__RunJob_Goal *g = &M.goal.goal;
  uint8_t body[8 + 8 + 8 + 4 + 1 + 2 + HG_JOB_ID_LENGTH];
  uint64_t bits;
  uint32_t few;
  if (g->id.size > HG_JOB_ID_LENGTH || find(M.goal.goal_id.uuid) != NULL || vacancy() == NULL) {
    refuse_goal(id);
    return false;
  }
  ask->kind = HG_ASK_JOB;
  ask->job = (hg_job_t){.energy_kwh = g->energy_kwh, .deadline = 1e-9 * (double)nanoseconds(g->deadline),
                        .power = (double)g->power, .interruptible = g->interruptible, .status = HG_JOB_STATUS_WAITING};
  if (g->id.size > 0) {
    memcpy(ask->job.id, g->id.data, g->id.size);
  }
  J.wanted.goal_id = M.goal.goal_id;
  memcpy(&bits, &g->energy_kwh, sizeof bits);
  memcpy(&few, &g->power, sizeof few);
  uint8_t *to = hg_put(body, bits, 8);
  to = hg_put(to, (uint64_t)(int64_t)g->deadline.sec, 8);
  to = hg_put(to, g->deadline.nanosec, 8);
  to = hg_put(to, few, 4);
  to = hg_put(to, g->interruptible, 1);
  to = hg_put_text(to, ask->job.id, g->id.size);
  permit(app, ask, "", body, (size_t)(to - body));
  return true;
}

/* Of a question to cancel without an id all goals are meant, or all that were accepted before its time. */
static bool ask_to_cancel(struct hg_app *app, hg_mail_ask_t *ask, rmw_request_id_t *id)
{
  static const uint8_t NO_ID[16];
  const uint8_t *uuid = M.cancel.goal_info.goal_id.uuid;
  const int64_t before = nanoseconds(M.cancel.goal_info.stamp);
  const bool named = !same(uuid, NO_ID), all = !named && before == 0;
  const goal_t *known = named ? find(uuid) : NULL, *found = NULL;
  for (size_t k = 0; k < GOALS && found == NULL; k++) {
    const goal_t *g = &J.goals[k];
    const bool meant = all || g == known || (before != 0 && nanoseconds(g->info.stamp) <= before);
    found = g->state != 0 && !over(g) && g->state != CANCELING && meant ? g : NULL;
  }
  if (found != NULL) {
    J.cancelling = found->info;
    ask->kind = HG_ASK_CANCEL;
    permit(app, ask, CANCEL, found->info.goal_id.uuid, 16);
    return true;
  }
  action_msgs__srv__CancelGoal_Response no = {.return_code = action_msgs__srv__CancelGoal_Response__ERROR_NONE};
  if (named) {
    no.return_code = known == NULL ? action_msgs__srv__CancelGoal_Response__ERROR_UNKNOWN_GOAL_ID
                     : over(known) ? action_msgs__srv__CancelGoal_Response__ERROR_GOAL_TERMINATED
                                   : action_msgs__srv__CancelGoal_Response__ERROR_REJECTED;
  }
  respond(HG_AT_RUN_JOB_CANCEL_GOAL, id, &no);
  return false;
}

static void tell_result(const goal_t *g, rmw_request_id_t *id)
{
  hearthgrid_msgs__action__RunJob_GetResult_Response response;
  memset(&response, 0, sizeof response);
  hg_comms_text(&response.result.message, "");
  if (g != NULL) {
    response.status = g->state;
    response.result = g->result;
    hg_comms_text(&response.result.message, g->words);
  }
  respond(HG_AT_RUN_JOB_GET_RESULT, id, &response);
}

static void ask_result(rmw_request_id_t *id)
{
  const goal_t *g = find(M.result.goal_id.uuid);
  for (size_t k = 0; k < ASKED && g != NULL && !over(g); k++) {
    if (!J.asked[k].waits) {
      J.asked[k].waits = true;
      J.asked[k].id = *id;
      memcpy(J.asked[k].goal, M.result.goal_id.uuid, 16);
      return;
    }
  }
  tell_result(g, id);
}

bool hg_comms_job_serve(struct hg_app *app, int at, hg_mail_ask_t *ask, rmw_request_id_t *id)
{
  void *const taken = at == HG_AT_RUN_JOB_SEND_GOAL     ? (void *)&M.goal
                      : at == HG_AT_RUN_JOB_CANCEL_GOAL ? (void *)&M.cancel
                                                        : (void *)&M.result;
  if (rcl_take_request(&hg_comms.at[at], id, taken) != RCL_RET_OK) {
    rcl_reset_error();
    return false;
  }
  memset(ask, 0, sizeof *ask);
  if (at == HG_AT_RUN_JOB_GET_RESULT) {
    ask_result(id);
    return false;
  }
  return at == HG_AT_RUN_JOB_SEND_GOAL ? ask_for(app, ask, id) : ask_to_cancel(app, ask, id);
}

/* Control's answers. */

static void answer_goal(struct hg_app *app, hg_pending_t *p, const hg_mail_answer_t *a)
{
  hearthgrid_msgs__action__RunJob_SendGoal_Response response = {
    .accepted = a->success, .stamp = hg_comms_time(hg_comms_wall(app, clock_of(app)))};
  goal_t *g = a->success ? vacancy() : NULL;
  response.accepted = g != NULL;
  if (g != NULL) {
    memset(g, 0, sizeof *g);
    g->state = ACCEPTED;
    g->info.goal_id = J.wanted.goal_id;
    g->info.stamp = response.stamp;
    memcpy(g->job, a->text, HG_JOB_ID_LENGTH);
    count(app);
  }
  respond(HG_AT_RUN_JOB_SEND_GOAL, &p->id, &response);
}

static void answer_cancel(struct hg_app *app, hg_pending_t *p, const hg_mail_answer_t *a)
{
  action_msgs__srv__CancelGoal_Response response = {
    .return_code = a->success ? action_msgs__srv__CancelGoal_Response__ERROR_NONE
                              : action_msgs__srv__CancelGoal_Response__ERROR_REJECTED,
    .goals_canceling = {.data = &J.cancelling, .size = a->success, .capacity = 1}};
  goal_t *g = find(J.cancelling.goal_id.uuid);
  if (a->success && g != NULL) {
    g->state = CANCELING;
    count(app);
  }
  respond(HG_AT_RUN_JOB_CANCEL_GOAL, &p->id, &response);
}

bool hg_comms_job_answer(struct hg_app *app, hg_pending_t *p, const hg_mail_answer_t *a)
{
  if (p != &hg_comms.pending[HG_AT_RUN_JOB_SEND_GOAL] && !takes_back(p)) {
    return false;
  }
  if (takes_back(p)) {
    answer_cancel(app, p, a);
  } else {
    answer_goal(app, p, a);
  }
  return true;
}

/* How it fares. */

static void feed_back(const goal_t *g, const hg_mail_progress_t *mail)
{
  hearthgrid_msgs__action__RunJob_FeedbackMessage m;
  memset(&m, 0, sizeof m);
  m.goal_id = g->info.goal_id;
  m.feedback.status = (uint8_t)mail->job.status;
  m.feedback.delivered_kwh = mail->job.delivered_kwh;
  m.feedback.progress = (float)hg_job_progress(&mail->job);
  m.feedback.expected_finish = hg_comms_time(mail->finish);
  hg_comms_text(&m.feedback.reason, mail->reason);
  hg_comms_send(HG_TO_RUN_JOB_FEEDBACK, &m);
}

static void end(struct hg_app *app, goal_t *g, const hg_mail_progress_t *mail)
{
  const hg_job_status_t status = mail->job.status;
  g->state = g->state == CANCELING ? CANCELED : status == HG_JOB_STATUS_DONE ? SUCCEEDED : ABORTED;
  g->since = clock_of(app);
  g->result.status = (uint8_t)status;
  g->result.delivered_kwh = mail->job.delivered_kwh;
  g->result.finished = hg_comms_time(mail->stamp);
  snprintf(g->words, sizeof g->words,
           status == HG_JOB_STATUS_DONE        ? "done"
           : status == HG_JOB_STATUS_CANCELLED ? "cancelled"
                                               : "the deadline passed at %.0f%%", 100.0 * hg_job_progress(&mail->job));
  for (size_t k = 0; k < ASKED; k++) {
    if (J.asked[k].waits && same(J.asked[k].goal, g->info.goal_id.uuid)) {
      J.asked[k].waits = false;
      tell_result(g, &J.asked[k].id);
    }
  }
}

static void say_states(void)
{
  action_msgs__msg__GoalStatus rows[GOALS];
  action_msgs__msg__GoalStatusArray m = {.status_list = {.data = rows, .size = 0, .capacity = GOALS}};
  for (size_t k = 0; k < GOALS; k++) {
    if (J.goals[k].state != 0) {
      rows[m.status_list.size].goal_info = J.goals[k].info;
      rows[m.status_list.size++].status = J.goals[k].state;
    }
  }
  hg_comms_send(HG_TO_RUN_JOB_STATUS, &m);
  J.news = false;
}

void hg_comms_job_say(struct hg_app *app)
{
  for (hg_mail_progress_t *mail; (mail = HG_MAIL_OLDEST(&app->out.progress)) != NULL;) {
    for (size_t k = 0; k < GOALS; k++) {
      goal_t *g = &J.goals[k];
      if (g->state == 0 || over(g) || strcmp(g->job, mail->job.id) != 0) {
        continue;
      }
      if (hg_job_ended(&mail->job)) {
        end(app, g, mail);
        count(app);
      } else {
        feed_back(g, mail);
      }
    }
    HG_MAIL_TAKEN(&app->out.progress);
  }
  const double now = clock_of(app);
  for (size_t k = 0; k < GOALS; k++) {
    if (over(&J.goals[k]) && now - J.goals[k].since >= RESULT_KEPT) {
      J.goals[k].state = 0;
      count(app);
    }
  }
  if (J.news) {
    say_states();
  }
}
