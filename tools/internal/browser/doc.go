// Package browser tests the pages as their readers have them: in a headless Chromium,
// from files and from the companion, with axe-core for what people with other senses or
// hands need, and with html-validate for the HTML.
//
// It holds tests alone, so that no command compiles what drives the browser.
package browser
