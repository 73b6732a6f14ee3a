/* The way to the micro-ROS agent, and the comms task that goes it: seek, join, joined, leave. Only with micro-ROS. */
#ifndef HEARTHGRID_TRANSPORT_H
#define HEARTHGRID_TRANSPORT_H

#include "app.h"

#define HG_TRANSPORT_HOME "/home" /* the home's namespace */

/* Bytes of a serial line (framed) or whole datagrams (not). Neither waits: they return how many went or came. */
typedef struct {
  size_t (*send)(const uint8_t *bytes, size_t count);
  size_t (*receive)(uint8_t *bytes, size_t room);
  bool framed;
} hg_link_io_t;

/* Before the tasks start. false: the middleware does not take it. */
bool hg_transport_init(const hg_link_io_t *io);

/* One step of the comms task: hg_tasks_settings_t.comms. */
uint32_t hg_transport_step(struct hg_app *app, double now);

/* The most the middleware's heap ever held [B]. */
uint32_t hg_transport_heap(void);

#endif
