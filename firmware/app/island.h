/* Where the home stands, as one member sees it: grid watch and the visible sequence of an outage.
 * Twin of hearthgrid_core.island.watch, .sequence and of what .member tells; a leader's duties (who is shed, restored)
 * are not here: a home led by this member falls back to what each outlet does by itself. */
#ifndef HEARTHGRID_ISLAND_H
#define HEARTHGRID_ISLAND_H

#include "election.h"
#include "own_shedding.h"

#define HG_EVIDENCE_LENGTH 128

typedef enum {
  HG_ISLAND_UNKNOWN = 0,
  HG_ISLAND_GRID,
  HG_ISLAND_OUTAGE,
  HG_ISLAND_ELECTION,
  HG_ISLAND_CONFIRMATION,
  HG_ISLAND_JOIN,
  HG_ISLAND_SHED,
  HG_ISLAND_REGULATE,
  HG_ISLAND_SYNCHRONISE
} hg_island_mode_t;

typedef struct {
  double nominal_voltage, nominal_frequency;
  double return_voltage_min, return_voltage_max, return_frequency_span; /* of nominal [1] */
  double return_time, silence_max, open_time, tie_age_max;              /* [s] */
  double join_time, shed_time, silence;                                 /* [s] */
} hg_island_settings_t;

#define HG_ISLAND_DEFAULTS \
  { .nominal_voltage = 230.0, .nominal_frequency = 50.0, .return_voltage_min = 0.917, .return_voltage_max = 1.10, \
    .return_frequency_span = 0.01, .return_time = 5.0, .silence_max = 2.0, .open_time = 0.02, .tie_age_max = 10.0, \
    .join_time = 1.0, .shed_time = 2.0, .silence = 2.5 }

/* What a member tells; fields as in IslandMode.msg. since: monotonic [s]. members: that answer a leader. */
typedef struct {
  hg_island_mode_t mode;
  double since, voltage, frequency;
  uint32_t epoch, term;
  hg_member_t leader;
  bool provisional, authority;
  hg_committee_t committee;
  size_t count;
  hg_member_t members[HG_MEMBERS_MAX];
  char evidence[HG_EVIDENCE_LENGTH + 1];
} hg_island_view_t;

typedef struct {
  hg_island_settings_t settings;
  /* The watch. */
  bool seen, tie_known, tie_spoke, tie_closed, tie_alive, good;
  double seen_at, voltage, lowest, highest, frequency; /* of the last half cycles */
  double low_for[HG_DETECTOR_SAGS], astray_for, open_since, tie_at, good_since;
  hg_island_mode_t watch;
  double watch_since;
  bool broken;
  char broken_by[64], evidence[HG_EVIDENCE_LENGTH + 1];
  /* Others. */
  uint8_t peers[HG_PLACES];
  double peers_at[HG_PLACES];
  /* The sequence. */
  hg_island_mode_t mode;
  double since;
  bool told_any;
  hg_island_view_t told;
} hg_island_t;

hg_status_t hg_island_init(hg_island_t *i, const hg_island_settings_t *settings, double now);
void hg_island_look(hg_island_t *i, const hg_look_t *look);
void hg_island_tie(hg_island_t *i, double stamp, bool known, bool closed, bool alive);
void hg_island_heard(hg_island_t *i, double now, hg_member_t peer, uint8_t mode);

/* Go on as far as it leads. Whether `view` has something new to tell; *opened: an outage began, and a leader should
 * raise the zone's epoch. Sets the election's `mode`. */
bool hg_island_step(hg_island_t *i, double now, hg_election_t *election, hg_island_view_t *view, bool *opened);

/* Whether the home is cut from the utility as far as the tie says. */
bool hg_island_cut(const hg_island_t *i);

#endif
