#pragma once
// The decoder jail: limits, seccomp.
