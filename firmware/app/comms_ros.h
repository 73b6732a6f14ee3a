/* What the files that know ROS (comms and comms_…) share; nobody else includes this. */
#ifndef HEARTHGRID_COMMS_ROS_H
#define HEARTHGRID_COMMS_ROS_H

#include <rcl/error_handling.h>
#include <rcl/rcl.h>

#include <builtin_interfaces/msg/time.h>

#include "comms.h"
#include "entities.h"

#define HG_PUBLISHER_NAME(name, ...) HG_TO_##name,
#define HG_SUBSCRIPTION_NAME(name, ...) HG_FROM_##name,
#define HG_SERVICE_NAME(name, ...) HG_AT_##name,
#define HG_ACTION_SERVICES(name, ...) HG_AT_##name##_SEND_GOAL, HG_AT_##name##_CANCEL_GOAL, HG_AT_##name##_GET_RESULT,
#define HG_ACTION_TOPICS(name, ...) HG_TO_##name##_FEEDBACK, HG_TO_##name##_STATUS,
enum { HG_PUBLISHERS(HG_PUBLISHER_NAME) HG_ACTIONS(HG_ACTION_TOPICS) HG_SPOKEN(HG_PUBLISHER_NAME) HG_TOS };
enum { HG_SUBSCRIPTIONS(HG_SUBSCRIPTION_NAME) HG_SIMULATED(HG_SUBSCRIPTION_NAME) HG_FROMS };
enum { HG_SERVICES(HG_SERVICE_NAME) HG_ACTIONS(HG_ACTION_SERVICES) HG_ATS };

#define HG_NAME_MAX 128 /* of a topic or service, in full */

/* A question that waits for control's answer. */
typedef struct {
  bool waits, filling; /* filling: answered yes, and its waveform is on the way */
  uint32_t ticket;
  double since; /* monotonic [s] */
  rmw_request_id_t id;
} hg_pending_t;

typedef struct {
  hg_comms_settings_t settings;
  rcl_init_options_t options;
  rcl_context_t context;
  rcl_node_t node;
  rcl_wait_set_t wait;
  rcl_publisher_t to[HG_TOS];
  rcl_subscription_t from[HG_FROMS];
  rcl_service_t at[HG_ATS];
  size_t froms; /* with or without a simulated converter */
  bool has_options, has_context, has_node, has_wait, messages;
  uint32_t ticket, foreign, lost, dropped[HG_DROPS];
  hg_pending_t pending[HG_ATS];
  size_t listeners;
  double checked_at, health_at;
  bool speaks; /* for itself: the publisher of its own answers is there */
  uint32_t identities; /* of its own load heard so far */
  bool failed; /* something could not be sent */
} hg_comms_t;

extern hg_comms_t hg_comms; /* one outlet a program: comms.h */

/* comms.c: the full name of a topic or service, in `out` of HG_NAME_MAX. */
const char *hg_comms_name(char *out, const struct hg_app *app, hg_scope_t scope, const char *name);

/* comms.c: the publisher of own answers, made and taken away; false where it cannot be. */
bool hg_comms_speak(const struct hg_app *app, bool on);

/* comms_say.c. A text and a sequence of a message going out point at what they say. */
void hg_comms_text(rosidl_runtime_c__String *s, const char *value);
builtin_interfaces__msg__Time hg_comms_time(double seconds);
double hg_comms_wall(const struct hg_app *app, double monotonic);
void hg_comms_send(int to, const void *message);
void hg_comms_say(struct hg_app *app);
void hg_comms_answer(struct hg_app *app);

/* comms_health.c */
void hg_comms_health(struct hg_app *app, double now);

/* comms_hear.c: messages of topics, and one function for what came. …_messages: make room for them, once. */
bool hg_comms_hear_messages(void);
void hg_comms_hear(struct hg_app *app, int from);

/* comms_serve.c: questions to services. */
bool hg_comms_serve_messages(void);
void hg_comms_serve(struct hg_app *app, int at);

/* comms_job.c: the action run_job. */
bool hg_comms_job_messages(void);
void hg_comms_job_clear(struct hg_app *app);
void hg_comms_job_say(struct hg_app *app);

/* Take a question from one of its services. True: control has to answer `ask`; false: it is answered, or waits. */
bool hg_comms_job_serve(struct hg_app *app, int at, hg_mail_ask_t *ask, rmw_request_id_t *id);

/* Hand on control's answer; false where the question was not one of these services. */
bool hg_comms_job_answer(struct hg_app *app, hg_pending_t *pending, const hg_mail_answer_t *answer);

#endif
