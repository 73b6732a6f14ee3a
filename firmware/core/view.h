/* The part of a signature vector that tells appliances apart. Twin of hearthgrid_core.devices.view. */
#ifndef HEARTHGRID_VIEW_H
#define HEARTHGRID_VIEW_H

#include "common.h"

void hg_appliance_view(const double vector[HG_SIGNATURE_FEATURES], double view[HG_VIEW_FEATURES]);

#endif
