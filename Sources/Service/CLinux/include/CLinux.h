#pragma once
#include "child.h"
#include "jail.h"
