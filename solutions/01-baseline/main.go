// Command boxoffice sells tickets.
package main

func main() {}
