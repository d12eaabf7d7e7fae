// Package site renders site/ to static files: the lessons, the guides, and the pages
// that are made from the course itself. The companion serves the same pages.
package site
