// Package task runs one attempt of one task: it is what a task process does, and what tests and small jobs do without one.
//
// A stage begins with a setup task (check the outputs, prepare, make the splits). When the whole input is small, the setup task
// runs the stage itself, in its own process, and answers with the results of all its tasks (uber mode). Otherwise the map tasks
// follow, then the reduce tasks, then one commit task; a stage that fails ends with an abort task instead.
//
// Attempts never publish anything: map output stays on the worker's disk, reduce output below the attempt's directory; the
// commit task publishes what the scheduler's chosen attempts named in their payloads.
package task
