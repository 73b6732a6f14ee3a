/* The way to the agent and back: seek → join → joined → leave → seek. It decides, and never waits for anything.
 * Pure: link events and time in, one action out. Beside it the clock: wall time from the agent, slewed. */
#ifndef HEARTHGRID_SESSION_H
#define HEARTHGRID_SESSION_H

#include "common.h"

typedef enum { HG_SESSION_SEEK = 0, HG_SESSION_JOIN, HG_SESSION_JOINED, HG_SESSION_LEAVE } hg_session_state_t;

/* What the link did since the last step. */
typedef enum {
  HG_LINK_NOTHING = 0,
  HG_LINK_PONG,   /* the agent answered a ping */
  HG_LINK_SILENT, /* a ping was not answered in time */
  HG_LINK_OPEN,   /* all entities were made */
  HG_LINK_FAILED, /* making entities or sending failed */
  HG_LINK_CLOSED  /* all entities are gone */
} hg_link_t;

/* What the comms task is to do now; one call each, bounded in time, then its event goes into the next step. */
typedef enum {
  HG_SESSION_WAIT = 0,
  HG_SESSION_PING,  /* → PONG or SILENT */
  HG_SESSION_OPEN,  /* make the entities → OPEN or FAILED */
  HG_SESSION_CLOSE  /* take them away, without the agent if need be → CLOSED */
} hg_session_action_t;

/* ping_period: while joined. silent_max: unanswered pings in a row that end it. back_off: between pings while nobody
 * answers, doubled up to back_off_max, plus up to a quarter by chance so that a home does not knock at once. [s] */
typedef struct {
  double ping_period, back_off, back_off_max, open_timeout;
  uint32_t silent_max;
} hg_session_settings_t;

#define HG_SESSION_DEFAULTS \
  { .ping_period = 1.0, .back_off = 0.25, .back_off_max = 8.0, .open_timeout = 10.0, .silent_max = 3 }

typedef struct {
  hg_session_settings_t settings;
  hg_session_state_t state;
  double now, next, wait, since; /* last step, next ping, the back-off, last change or action [s] */
  uint32_t silent, joins, losses;
  bool asked;                /* an action is out, its event is awaited */
} hg_session_t;

/* HG_ERROR_ARGUMENT: a time that is not above 0. */
hg_status_t hg_session_init(hg_session_t *s, const hg_session_settings_t *settings, double now);

/* chance: from [0, 1). now: monotonic [s]; an earlier one counts as the last. */
hg_session_action_t hg_session_step(hg_session_t *s, double now, hg_link_t event, double chance);

/* Wall time from the monotonic clock: offset = wall - monotonic. It is taken over at once where none was known or the
 * clock would jump ahead, and slewed where it would go back, so that wall time never does. */
#define HG_CLOCK_SLEW 0.005   /* of a second, per second */
#define HG_CLOCK_JUMP 0.5     /* ahead: taken over at once [s] */
#define HG_CLOCK_TRIP_MAX 0.5 /* a synchronisation that took longer is no measurement [s] */

typedef struct {
  bool known;
  double offset, target; /* [s] */
  double at;             /* last slewed, monotonic [s] */
  double wall;           /* the latest that was told [s] */
} hg_clock_t;

void hg_clock_init(hg_clock_t *c);

/* The agent's wall time as of the middle of a round trip between two monotonic times; false = not taken. */
bool hg_clock_sync(hg_clock_t *c, double sent, double received, double wall);

/* Wall time now, NaN before the first synchronisation; never less than it was. */
double hg_clock_now(hg_clock_t *c, double monotonic);

#endif
