// Command workshop does nothing.
package main

func main() {}
