#include "own_table.h"

namespace ck::base {
#include "own/kernels.h"
}
