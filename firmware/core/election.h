/* Leader election of a zone: one deterministic machine, told every event and the time. Twin of
 * hearthgrid_core.island.voter and .election, where the rules and their sources are written down. */
#ifndef HEARTHGRID_ELECTION_H
#define HEARTHGRID_ELECTION_H

#include "ballot.h"

#define HG_ROUNDS_MAX 32   /* heartbeats whose answers still count */
#define HG_RECALLED_MAX 16 /* answers to one recall; further ones count in the next, a heartbeat later */
#define HG_PLACES (HG_MEMBERS_MAX + 1)

/* From [0, 1), evenly. */
typedef double (*hg_random_t)(void *context);

/* A reply that waits for the medium. */
typedef struct {
  uint32_t number;
  hg_message_t message;
} hg_waiting_t;

/* A question passed on, and whether its answer has been. */
typedef struct {
  uint64_t round;
  hg_member_t asker, whom;
  bool answered;
} hg_passed_t;

typedef struct {
  uint64_t round;
  double at;
} hg_sent_t;

typedef struct {
  hg_member_t sender;
  bool remembers;
  uint32_t term;
  hg_committee_t committee;
} hg_recalled_t;

typedef struct {
  hg_election_settings_t settings;
  hg_random_t random;
  void *random_context;
  hg_member_t me;
  uint64_t incarnation;
  /* What others may read. */
  double deadline;                       /* when to be stepped without an event [s] */
  uint8_t mode;                          /* told with heartbeats: the caller's to set */
  hg_role_t role;
  uint32_t term;
  hg_member_t voted, leader, deputy;
  uint32_t leader_term;
  uint8_t leader_mode, deputy_mode;
  double leader_heard, deputy_heard, lease_until;
  bool remembers, provisional;
  hg_committee_t committee;
  double roster[HG_PLACES];              /* when who answered the leader; voters and observers */
  /* The machine's own. */
  bool has_stored;
  hg_committee_t stored;                 /* in force and safe on the medium */
  uint32_t written, asked_to_write;
  hg_waiting_t waiting[HG_WAITING_MAX];
  size_t waiting_count;
  uint64_t incarnations[HG_PLACES];
  double heard[HG_PLACES];
  uint64_t round;
  double promised_until, courted_until, pledged_until, timeout_at, recall_at, provisional_at, join_at;
  hg_member_t courted;
  hg_passed_t passed[HG_ELECTION_PASSED];
  size_t passed_count, passed_next;
  hg_recalled_t recalled[HG_RECALLED_MAX];
  size_t recalled_count;
  bool has_began;
  uint32_t began;                        /* term in which a zone without memory began anew */
  uint64_t canvass_round;
  double canvass_end, repeat_at, beat_at, quorum_at;
  bool votes[HG_PLACES], refused[HG_PLACES], voted_any, bus; /* bus: the third voter of a committee of two */
  hg_sent_t sent[HG_ROUNDS_MAX];         /* heartbeat of a round at round modulo HG_ROUNDS_MAX */
  double acks[HG_PLACES];                /* sending time of the newest answered heartbeat */
  uint32_t holds[HG_PLACES][2];          /* order of the committee a voter has stored */
  uint32_t beats;
} hg_election_t;

/* durable: what was stored; NULL = lost. members: the commissioned committee, used only while nobody remembers.
 * incarnation: greater than at any earlier start. term, epoch: known to have been reached although memory is lost. */
typedef struct {
  hg_member_t me;
  uint64_t incarnation;
  const hg_durable_t *durable;
  const hg_member_t *members;
  size_t count;
  uint32_t term, epoch;
} hg_birth_t;

hg_status_t hg_election_init(hg_election_t *e, const hg_election_settings_t *settings, const hg_birth_t *birth,
                             double now, hg_random_t random, void *random_context);

/* Take one event in, or NULL for the deadline, and write what to do. now: the member's own monotonic clock [s].
 * HG_ERROR_ARGUMENT, nothing changed: a change that may not be made now, or what cannot be an event. */
hg_status_t hg_election_step(hg_election_t *e, double now, const hg_event_t *event, hg_actions_t *out);

/* Whether a majority stands behind this leader at this moment. */
bool hg_election_holds_lease(const hg_election_t *e, double now);

/* Whether a majority has stored this leader's committee, so that the next change may be made. */
bool hg_election_committed(const hg_election_t *e);

/* What this member's commands carry now. */
hg_fence_t hg_election_authority(const hg_election_t *e, double now);

/* Committee members heard within two timeouts, and this one, by rank; returns how many. */
size_t hg_election_reachable(const hg_election_t *e, double now, hg_member_t members[HG_COMMITTEE_SIZE_MAX]);

#endif
