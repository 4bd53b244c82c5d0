// The parts of one program (main.c).
#pragma once

/// Says why and exits with status 1.
_Noreturn void Fail(const char *what);

/// Answers for ever (serve.c).
void Serve(void);

/// `ask MILLISECONDS udp|tcp ADDRESS PORT [ADDRESS PORT]...`: one question to each, at the same time (ask.c).
int Ask(int argc, char **argv);

/// `stream MILLISECONDS udp|tcp ADDRESS PORT`: one question every so many milliseconds to port 7, until SIGTERM (stream.c).
int Stream(int argc, char **argv);

/// A connected socket of that type; -1 with errno. `address` is numeric.
int Connect(int type, const char *address, const char *port);

/// CLOCK_MONOTONIC, in milliseconds.
double NowMs(void);
