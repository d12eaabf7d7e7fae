// Runs before the page is drawn, so that a chosen theme doesn't flash.
(() => {
  const root = document.documentElement
  root.dataset.script = ''
  try {
    const theme = localStorage.getItem('theme')
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme
  } catch { /* no storage: automatic */ }
})()
