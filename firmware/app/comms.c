#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diagnostic_msgs/msg/diagnostic_array.h>
#include <action_msgs/msg/goal_status_array.h>
#include <action_msgs/srv/cancel_goal.h>
#include <hearthgrid_msgs/action/run_job.h>
#include <hearthgrid_msgs/msg/ballot.h>
#include <hearthgrid_msgs/msg/breaker.h>
#include <hearthgrid_msgs/msg/identity.h>
#include <hearthgrid_msgs/msg/island_mode.h>
#include <hearthgrid_msgs/msg/job.h>
#include <hearthgrid_msgs/msg/label.h>
#include <hearthgrid_msgs/msg/outlet_state.h>
#include <hearthgrid_msgs/msg/reading.h>
#include <hearthgrid_msgs/msg/relay_command.h>
#include <hearthgrid_msgs/msg/request.h>
#include <hearthgrid_msgs/msg/samples.h>
#include <hearthgrid_msgs/msg/signature.h>
#include <hearthgrid_msgs/msg/waveform.h>
#include <hearthgrid_msgs/srv/capture_waveform.h>
#include <hearthgrid_msgs/srv/get_schedule.h>
#include <hearthgrid_msgs/srv/reset_trip.h>
#include <hearthgrid_msgs/srv/set_priority.h>
#include <hearthgrid_msgs/srv/set_schedule.h>

#include "comms_ros.h"
#ifdef HG_MICRO_ROS
#include <rmw_microros/rmw_microros.h>
#endif

#define ANSWER_MAX 5.0   /* a question waits so long for its answer [s] */
#define LISTENERS 1.0    /* between looks at who listens [s] */
#define HEALTH 1.0       /* between reports [s] */

hg_comms_t hg_comms;

static bool good(rcl_ret_t status)
{
  if (status != RCL_RET_OK) {
    rcl_reset_error();
  }
  return status == RCL_RET_OK;
}

const char *hg_comms_name(char *out, const struct hg_app *app, hg_scope_t scope, const char *name)
{
  const char *home = hg_comms.settings.home;
  if (scope == HG_SCOPE_GLOBAL) {
    snprintf(out, HG_NAME_MAX, "/%s", name);
  } else if (scope == HG_SCOPE_HOME) {
    snprintf(out, HG_NAME_MAX, "%s/%s", home, name);
  } else {
    snprintf(out, HG_NAME_MAX, "%s/%s/%s", home, app->settings.id, name);
  }
  return out;
}

static rmw_qos_profile_t quality(bool reliable, bool kept, size_t depth)
{
  rmw_qos_profile_t q = {.history = RMW_QOS_POLICY_HISTORY_KEEP_LAST, .depth = depth,
                         .reliability = reliable ? RMW_QOS_POLICY_RELIABILITY_RELIABLE
                                                 : RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT,
                         .durability = kept ? RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL
                                            : RMW_QOS_POLICY_DURABILITY_VOLATILE,
                         .liveliness = RMW_QOS_POLICY_LIVELINESS_AUTOMATIC};
  return q;
}

static bool publisher(const struct hg_app *app, int to, const rosidl_message_type_support_t *type, const char *name,
                      hg_scope_t scope, rmw_qos_profile_t qos)
{
  char full[HG_NAME_MAX];
  rcl_publisher_options_t options = rcl_publisher_get_default_options();
  options.qos = qos;
#ifdef HG_MICRO_ROS
  if (to == HG_TO_WAVEFORMS) { /* longer than a datagram: only a reliable stream takes it apart */
    options.qos.reliability = RMW_QOS_POLICY_RELIABILITY_RELIABLE;
  }
#endif
  return good(rcl_publisher_init(&hg_comms.to[to], &hg_comms.node, type, hg_comms_name(full, app, scope, name), &options));
}

static bool subscription(const struct hg_app *app, int from, const rosidl_message_type_support_t *type,
                         const char *name, hg_scope_t scope, rmw_qos_profile_t qos)
{
  char full[HG_NAME_MAX];
  rcl_subscription_options_t options = rcl_subscription_get_default_options();
  options.qos = qos;
  return good(rcl_subscription_init(&hg_comms.from[from], &hg_comms.node, type, hg_comms_name(full, app, scope, name),
                                    &options));
}

static bool service(const struct hg_app *app, int at, const rosidl_service_type_support_t *type, const char *name,
                    hg_scope_t scope)
{
  char full[HG_NAME_MAX];
  const rcl_service_options_t options = rcl_service_get_default_options();
  return good(rcl_service_init(&hg_comms.at[at], &hg_comms.node, type, hg_comms_name(full, app, scope, name), &options));
}

#define MAKE_PUBLISHER(c, package, kind, name, scope, reliable, kept, depth) \
  made = made && publisher(app, HG_TO_##c, ROSIDL_GET_MSG_TYPE_SUPPORT(package, msg, kind), name, scope, \
                           quality(reliable, kept, depth));
#define MAKE_SUBSCRIPTION(c, package, kind, name, scope, reliable, kept, depth) \
  made = made && subscription(app, HG_FROM_##c, ROSIDL_GET_MSG_TYPE_SUPPORT(package, msg, kind), name, scope, \
                              quality(reliable, kept, depth));
#define MAKE_SERVICE(c, package, kind, name, scope) \
  made = made && service(app, HG_AT_##c, ROSIDL_GET_SRV_TYPE_SUPPORT(package, srv, kind), name, scope);

#define MAKE_ACTION(c, package, kind, name, scope) \
  made = made && service(app, HG_AT_##c##_SEND_GOAL, ROSIDL_GET_SRV_TYPE_SUPPORT(package, action, kind##_SendGoal), \
                         name "/send_goal", scope); \
  made = made && service(app, HG_AT_##c##_CANCEL_GOAL, ROSIDL_GET_SRV_TYPE_SUPPORT(action_msgs, srv, CancelGoal), \
                         name "/cancel_goal", scope); \
  made = made && service(app, HG_AT_##c##_GET_RESULT, ROSIDL_GET_SRV_TYPE_SUPPORT(package, action, kind##_GetResult), \
                         name "/get_result", scope); \
  made = made && publisher(app, HG_TO_##c##_FEEDBACK, \
                           ROSIDL_GET_MSG_TYPE_SUPPORT(package, action, kind##_FeedbackMessage), name "/feedback", scope, \
                           quality(true, false, 10)); \
  made = made && publisher(app, HG_TO_##c##_STATUS, ROSIDL_GET_MSG_TYPE_SUPPORT(action_msgs, msg, GoalStatusArray), \
                           name "/status", scope, quality(true, true, 1));

static bool entities(const struct hg_app *app)
{
  bool made = true;
  HG_PUBLISHERS(MAKE_PUBLISHER)
  HG_SUBSCRIPTIONS(MAKE_SUBSCRIPTION)
  HG_SERVICES(MAKE_SERVICE)
  HG_ACTIONS(MAKE_ACTION)
  hg_comms.froms = HG_FROM_ADC;
  if (hg_comms.settings.samples != NULL) {
    HG_SIMULATED(MAKE_SUBSCRIPTION)
    hg_comms.froms = HG_FROMS;
  }
  return made;
}

bool hg_comms_speak(const struct hg_app *app, bool on)
{
  bool made = true;
  if (on && !hg_comms.speaks) {
    HG_SPOKEN(MAKE_PUBLISHER)
    hg_comms.speaks = made;
  } else if (!on && hg_comms.speaks) {
    made = good(rcl_publisher_fini(&hg_comms.to[HG_TO_IDENTITIES], &hg_comms.node));
    hg_comms.to[HG_TO_IDENTITIES] = rcl_get_zero_initialized_publisher();
    hg_comms.speaks = false;
  }
  return made;
}

static void zero(void)
{
  hg_comms.options = rcl_get_zero_initialized_init_options();
  hg_comms.context = rcl_get_zero_initialized_context();
  hg_comms.node = rcl_get_zero_initialized_node();
  hg_comms.wait = rcl_get_zero_initialized_wait_set();
  for (int k = 0; k < HG_TOS; k++) {
    hg_comms.to[k] = rcl_get_zero_initialized_publisher();
  }
  for (int k = 0; k < HG_FROMS; k++) {
    hg_comms.from[k] = rcl_get_zero_initialized_subscription();
  }
  for (int k = 0; k < HG_ATS; k++) {
    hg_comms.at[k] = rcl_get_zero_initialized_service();
    hg_comms.pending[k].waits = false;
  }
}

#ifdef HG_MICRO_ROS
#ifndef HG_DOMAIN
#define HG_DOMAIN 0
#endif

/* The agent knows a board by its key. Out of the names it is the same after a restart, so that the agent puts the new
 * session in the old one's place; by chance two boards that start alike would draw the same. FNV-1a. */
static uint32_t client_key(const char *home, const char *id)
{
  uint32_t key = 2166136261U;
  for (const char *c = home; *c != 0; c++) {
    key = (key ^ (uint8_t)*c) * 16777619U;
  }
  for (const char *c = id; *c != 0; c++) {
    key = (key ^ (uint8_t)*c) * 16777619U;
  }
  return key == 0 ? 1U : key;
}

static bool prepare(const struct hg_app *app)
{
  rmw_init_options_t *options = rcl_init_options_get_rmw_init_options(&hg_comms.options);
  return options != NULL && good(rcl_init_options_set_domain_id(&hg_comms.options, HG_DOMAIN)) &&
         rmw_uros_options_set_client_key(client_key(hg_comms.settings.home, app->settings.id), options) == RMW_RET_OK;
}

/* Taking an entity away waits for nobody: with the agent gone each would wait in vain. */
static void part(void)
{
  rmw_context_t *context = hg_comms.has_context ? rcl_context_get_rmw_context(&hg_comms.context) : NULL;
  if (context != NULL) {
    (void)rmw_uros_set_context_entity_destroy_session_timeout(context, 0);
  }
}
#else
static bool prepare(const struct hg_app *app)
{
  (void)app;
  return true;
}

static void part(void) {}
#endif

hg_status_t hg_comms_open(struct hg_app *app, const hg_comms_settings_t *settings)
{
  hg_comms_t *c = &hg_comms;
  const rcl_allocator_t allocator = rcl_get_default_allocator();
  char space[HG_NAME_MAX];
  zero();
  c->settings = *settings;
  c->failed = false;
  c->listeners = 0;
  c->speaks = false;
  c->checked_at = c->health_at = 0.0;
  hg_comms_job_clear(app);
  rcl_node_options_t options = rcl_node_get_default_options();
  options.enable_rosout = false;
  snprintf(space, sizeof space, "%s/%s", settings->home, app->settings.id);
  c->has_options = good(rcl_init_options_init(&c->options, allocator));
  c->has_context = c->has_options && prepare(app) &&
                   good(rcl_init(settings->argc, settings->argv, &c->options, &c->context));
  c->has_node = c->has_context && good(rcl_node_init(&c->node, "outlet", space, &c->context, &options));
  if (!c->has_node) {
    hg_comms_close();
    return HG_ERROR_MEDIUM;
  }
  hg_comms.messages = hg_comms.messages ||
                      (hg_comms_hear_messages() && hg_comms_serve_messages() && hg_comms_job_messages());
  if (!hg_comms.messages || !entities(app)) {
    hg_comms_close();
    return HG_ERROR_FULL;
  }
  c->has_wait = good(rcl_wait_set_init(&c->wait, c->froms, 0, 0, 0, HG_ATS, 0, &c->context, allocator));
  if (!c->has_wait) {
    hg_comms_close();
    return HG_ERROR_FULL;
  }
  return HG_OK;
}

void hg_comms_close(void)
{
  hg_comms_t *c = &hg_comms;
  part();
  bool clean = !c->has_wait || good(rcl_wait_set_fini(&c->wait));
  for (int k = 0; k < HG_ATS && c->has_node; k++) {
    clean = good(rcl_service_fini(&c->at[k], &c->node)) && clean;
  }
  for (int k = 0; k < HG_FROMS && c->has_node; k++) {
    clean = good(rcl_subscription_fini(&c->from[k], &c->node)) && clean;
  }
  for (int k = 0; k < HG_TOS && c->has_node; k++) {
    clean = good(rcl_publisher_fini(&c->to[k], &c->node)) && clean;
  }
  clean = (!c->has_node || good(rcl_node_fini(&c->node))) && clean;
  clean = (!c->has_context || (good(rcl_shutdown(&c->context)) && good(rcl_context_fini(&c->context)))) && clean;
  clean = (!c->has_options || good(rcl_init_options_fini(&c->options))) && clean;
  (void)clean; /* with the agent gone it cannot be: what is left on this side is forgotten */
  c->has_wait = c->has_node = c->has_context = c->has_options = false;
}

uint32_t hg_comms_blocks(void)
{
  uint32_t sum = hg_comms.foreign;
  for (int k = 0; k < HG_DROPS; k++) {
    sum += hg_comms.dropped[k];
  }
  return sum;
}

uint32_t hg_comms_identities(void) { return hg_comms.identities; }

size_t hg_comms_listeners(void) { return hg_comms.listeners; }

void hg_comms_send(int to, const void *message)
{
  if (!good(rcl_publish(&hg_comms.to[to], message, NULL))) {
    hg_comms.failed = true;
  }
}

/* An identifier that starts late must not wait for the heartbeat. */
static void look_for_listeners(struct hg_app *app, double now)
{
  size_t listeners = 0;
  if (now - hg_comms.checked_at < LISTENERS ||
      !good(rcl_publisher_get_subscription_count(&hg_comms.to[HG_TO_SIGNATURES], &listeners))) {
    return;
  }
  hg_comms.checked_at = now;
  if (listeners > hg_comms.listeners && app->control.sighted) {
    __atomic_store_n(&app->show[0], app->show[0] + 1U, __ATOMIC_RELEASE);
  }
  hg_comms.listeners = listeners;
}

hg_status_t hg_comms_spin(struct hg_app *app, double timeout)
{
  hg_comms_t *c = &hg_comms;
  hg_comms_say(app);
  hg_comms_answer(app);
  bool ready = good(rcl_wait_set_clear(&c->wait));
  for (size_t k = 0; k < c->froms && ready; k++) {
    ready = good(rcl_wait_set_add_subscription(&c->wait, &c->from[k], NULL));
  }
  for (size_t k = 0; k < HG_ATS && ready; k++) {
    ready = good(rcl_wait_set_add_service(&c->wait, &c->at[k], NULL));
  }
  if (!ready) {
    return HG_ERROR_MEDIUM;
  }
  const int64_t wait = timeout > 0.0 ? (int64_t)(timeout * 1e9) : 0;
  const rcl_ret_t status = rcl_wait(&c->wait, wait);
  if (status == RCL_RET_OK) {
    for (size_t k = 0; k < c->froms; k++) {
      if (c->wait.subscriptions[k] != NULL) {
        hg_comms_hear(app, (int)k);
      }
    }
    for (size_t k = 0; k < HG_ATS; k++) {
      if (c->wait.services[k] != NULL) {
        hg_comms_serve(app, (int)k);
      }
    }
  } else {
    rcl_reset_error();
    c->failed = c->failed || status != RCL_RET_TIMEOUT;
  }
  const double now = app->platform.monotonic(app->platform.context);
  for (size_t k = 0; k < HG_ATS; k++) {
    c->pending[k].waits = c->pending[k].waits && now - c->pending[k].since < ANSWER_MAX;
  }
  look_for_listeners(app, now);
  if (now - c->health_at >= HEALTH) {
    c->health_at = now;
    hg_comms_health(app, now);
  }
  const bool failed = c->failed;
  c->failed = false;
  return failed ? HG_ERROR_MEDIUM : HG_OK;
}
