/* What enters and leaves an election, and its words on the wire. Twin of hearthgrid_core.island.ballot. */
#ifndef HEARTHGRID_BALLOT_H
#define HEARTHGRID_BALLOT_H

#include "committee.h"

#define HG_WAITING_MAX 8
/* Answers a write releases; what follows a lead; a heartbeat and its prods; recall, provisional; and three spare. */
#define HG_ACTIONS_MAX (HG_WAITING_MAX + 2 + HG_COMMITTEE_SIZE_MAX + 3 + 4)

/* A word of the election. receiver: HG_NOBODY = all. The rest is told in the Python class. */
typedef struct {
  uint64_t incarnation, round;
  uint32_t term;
  hg_committee_t committee;
  uint8_t kind;
  hg_member_t sender, receiver, leader;
  uint8_t mode;
  bool granted, remembers;
} hg_message_t;

/* What must survive a loss of power. */
typedef struct {
  uint32_t term;
  hg_committee_t committee;
  hg_member_t voted;
} hg_durable_t;

/* Send `message`; or write `durable`, make sure it is on the medium, and then say so with the number. */
typedef struct {
  hg_message_t message;
  hg_durable_t durable;
  uint32_t number;
  bool persist;
} hg_action_t;

typedef struct {
  size_t count;
  hg_action_t items[HG_ACTIONS_MAX]; /* to be done in this order */
} hg_actions_t;

typedef enum { HG_EVENT_MESSAGE = 0, HG_EVENT_PERSISTED, HG_EVENT_CHANGE, HG_EVENT_BUS } hg_event_kind_t;

/* own: this member's inverter, alone, has formed the bus. dead_for: how long it was dead before that. [s] */
typedef struct {
  bool own;
  double dead_for;
} hg_bus_seen_t;

typedef struct {
  hg_event_kind_t kind;
  hg_message_t message;
  uint32_t number; /* up to this one all is safe */
  hg_change_t change;
  hg_bus_seen_t bus;
} hg_event_t;

/* What an actuator compares. known: false = it may not command. full: a majority stands behind it. */
typedef struct {
  bool known, full;
  uint32_t epoch, term;
} hg_fence_t;

/* The fields of Ballot.msg as they are on the wire; texts end in 0. */
typedef struct {
  uint8_t kind, mode;
  bool granted, remembers;
  uint64_t incarnation, round;
  uint32_t epoch, term, committee_term, committee_version;
  size_t count; /* of the committee */
  char sender[HG_MEMBER_LENGTH + 1], receiver[HG_MEMBER_LENGTH + 1], leader[HG_MEMBER_LENGTH + 1];
  char committee[HG_COMMITTEE_SIZE_MAX][HG_MEMBER_LENGTH + 1];
} hg_wire_ballot_t;

/* Read a ballot whose code was found right. HG_ERROR_ARGUMENT: it is none, is this member's own, or of another zone,
 * which shares nobody with the committees `known` (k) and `commissioned`; HG_ERROR_FULL as the directory. Names of a
 * ballot that is refused as foreign or damaged take no number. */
hg_status_t hg_ballot_read(hg_directory_t *directory, const hg_wire_ballot_t *wire, hg_member_t me,
                           const hg_committee_t *known, const hg_committee_t *commissioned, hg_message_t *message);

void hg_ballot_write(const hg_directory_t *directory, const hg_message_t *message, hg_wire_ballot_t *wire);

#endif
