// All inner loops, for one instruction set; includers set LANES, REGISTERS and SET, its name.
#include "attention-tile.h"
#include "choice-tile.h"
#include "kernels.h"
#include "norm-tile.h"
#include "skinny-linear-tile.h"

#define NAME_OF(set) #set
#define NAMED(set) NAME_OF(set)
const dvl::Kernels dvl::SET{NAMED(SET), {STEP, pack, block}, {attend}, {extremes, exponentials}, {normRow}};
