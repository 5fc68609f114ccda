// Included once per instruction set, inside its namespace; no include guard on purpose.
#include "vector.h"
#include "elementwise.h"
#include "reduce.h"
#include "normalization.h"
#include "softmax.h"
#include "layout.h"
#include "format.h"
#include "pack.h"
#include "gemm.h"
#include "products.h"
#include "gates.h"
#include "attention.h"
#include "convolution.h"
#include "moments.h"

#define CK_OWN(name, parameters, arguments) name,
extern const OwnKernels table = {
#include "../include/OwnKernels.h"
};
#undef CK_OWN
