#pragma once
#include "spawn.h"
#include "jail.h"
