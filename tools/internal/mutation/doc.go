// Package mutation changes the code that a step's learner writes in many small ways, and asks
// the step's tests about each: a change that no test can tell shows what they don't look at.
//
// What is changed is the code of the solution that the starter hasn't: whole functions, and
// variables of packages. The operators are of the language (a condition, a statement, an
// error, a constant) and of the field (a clause of SQL, a context, a lock, a transaction, a
// status). A change that doesn't compile is none.
//
// All changes to a step are in one test binary: each function holds its changed bodies, and
// the binary's name says which of them counts. So the API's environment is as it would be
// without, and the lab, which starts the API by that name, knows nothing of it. One more name
// has the binary write down which of the changed places are reached: each test runs once by
// itself under it, and afterwards only the tests that reach a change are asked about it.
//
// A change that survives either gets a test and a wrong answer, or stands in the step's
// mutants.txt with the reason why nobody can tell.
package mutation
