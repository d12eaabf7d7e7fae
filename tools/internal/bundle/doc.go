// Package bundle builds many answers to a step into one test binary, so that they are
// linked once.
//
// Of each answer, the packages that it changes and those that import them stand in the
// binary a second time, below internal/answers/NAME, main as an ordinary package. Only the
// go command sees these folders: they are an overlay on the solution. The step's TestMain
// is handed a main that becomes the answer that the binary is called after. A binary of
// one name for each answer is a link to the same file, and the lab starts the API by the
// name of the binary that it is in. So the API's environment, and whatever else an answer
// can see, is as it would be without.
//
// What an answer does when the program starts, all others in its binary would suffer, and
// what an answer can learn of its own build would be different. Such an answer has to be
// built alone: [Variant.Alone] says why.
package bundle
