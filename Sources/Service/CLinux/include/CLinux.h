#pragma once
#include "child.h"
#include "heap.h"
#include "jail.h"
