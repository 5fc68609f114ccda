#pragma once
// Child processes: spawn, signal, wait.
