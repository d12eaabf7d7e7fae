// What makes reading easier. Each page is whole without it.
(() => {
  const $ = (selector, from = document) => from.querySelector(selector)
  const all = (selector, from = document) => [...from.querySelectorAll(selector)]
  const root = document.documentElement

  // make creates an element; children are nodes or texts, never HTML.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
    element.append(...children)
    return element
  }

  const news = make('p', { class: 'unseen', role: 'status' })
  document.body.append(news)

  // ——— Theme: automatic, light, dark
  const themes = ['automatic', 'light', 'dark']
  const showTheme = theme => {
    if (theme === 'automatic') delete root.dataset.theme
    else root.dataset.theme = theme
    $('#theme-word').textContent = theme
  }
  const chosen = () => themes.includes(root.dataset.theme) ? root.dataset.theme : 'automatic'
  showTheme(chosen())
  $('#theme').addEventListener('click', () => {
    const theme = themes[(themes.indexOf(chosen()) + 1) % themes.length]
    showTheme(theme)
    try { localStorage.setItem('theme', theme) } catch { /* it holds for this page */ }
  })
  addEventListener('storage', e => {
    if (e.key === 'theme') showTheme(themes.includes(e.newValue) ? e.newValue : 'automatic')
  })

  // ——— Copy
  const copyOld = text => {
    const area = make('textarea', { class: 'unseen', readonly: '' })
    area.value = text
    document.body.append(area)
    area.select()
    try { return document.execCommand('copy') } catch { return false } finally { area.remove() }
  }
  const copy = async text => {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      return copyOld(text)
    }
  }
  for (const figure of all('.code:not(.output)')) {
    figure.append(make('button', { type: 'button', class: 'copy' }, 'Copy'))
  }
  // Buttons that come later copy, too: the code that stands beside them.
  document.addEventListener('click', async ({ target: button }) => {
    if (!button.matches('.copy')) return
    const done = await copy($('code', button.parentElement).textContent.trimEnd())
    button.focus()
    button.textContent = done ? 'Copied' : 'No copy'
    news.textContent = done ? 'Copied' : 'The browser did not allow copying'
    setTimeout(() => { button.textContent = 'Copy'; news.textContent = '' }, 2000)
  })

  // ——— The table of contents marks where the reader is
  const lines = new Map(all('.contents a[href^="#"]').map(a => [document.getElementById(a.hash.slice(1)), a]))
  lines.delete(null)
  if (lines.size && 'IntersectionObserver' in window) {
    const places = [...lines.keys()]
    const mark = () => {
      const limit = innerHeight * 0.3
      const passed = places.filter(place => place.getBoundingClientRect().top <= limit)
      const ended = passed.length && innerHeight + scrollY >= root.scrollHeight - 2
      const here = ended ? places.at(-1) : passed.at(-1) ?? places[0]
      for (const [place, a] of lines) {
        if (place === here) a.setAttribute('aria-current', 'location')
        else a.removeAttribute('aria-current')
      }
    }
    // The box reaches far above the window: a place is in it once the reader has passed it.
    const observer = new IntersectionObserver(mark, { rootMargin: '100000px 0px -70% 0px' })
    places.forEach(place => observer.observe(place))
    addEventListener('scrollend', mark)
  }

  // ——— What is folded opens for links into it, and for print
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
    for (let fold = target?.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true
  }
  reveal()
  addEventListener('hashchange', reveal)
  let folded = []
  addEventListener('beforeprint', () => {
    folded = all('main details:not([open])')
    folded.forEach(fold => { fold.open = true })
  })
  addEventListener('afterprint', () => folded.forEach(fold => { fold.open = false }))

  // ——— Menu
  const menu = $('.menu-fold')
  addEventListener('click', e => { if (!menu.contains(e.target)) menu.open = false })
  menu.addEventListener('keydown', e => {
    if (e.key === 'Escape' && menu.open) {
      menu.open = false
      $('summary', menu).focus()
    }
  })

  // ——— Search
  const most = 20
  const wordsOf = query => query.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []
  // startsOf finds where one of the words begins a word.
  const startsOf = words => new RegExp(`(?<![\\p{L}\\p{N}_])(?:${words.join('|')})`, 'giu')
  const contains = (text, word) => startsOf([word]).test(text)

  const find = (index, words) => index
    .map(entry => {
      const title = `${entry.t} ${entry.h}`
      let score = entry.u.startsWith('mistakes/') ? -5 : 0 // lessons first
      for (const word of words) {
        if (contains(entry.t, word)) score += 3
        if (contains(entry.h, word)) score += 2
        else if (!contains(title, word) && !contains(entry.x, word)) return { score: -9 }
      }
      return { entry, score }
    })
    .filter(hit => hit.entry)
    .sort((a, b) => b.score - a.score)

  const marked = (text, words) => {
    const parts = []
    let from = 0
    for (const hit of text.matchAll(startsOf(words))) {
      parts.push(text.slice(from, hit.index), make('mark', {}, hit[0]))
      from = hit.index + hit[0].length
    }
    return [...parts, text.slice(from)]
  }

  const excerpt = (text, words) => {
    const at = Math.max(0, text.search(startsOf(words)))
    const from = at < 60 ? 0 : text.indexOf(' ', at - 50) + 1
    const to = text.length - from < 160 ? text.length : text.lastIndexOf(' ', from + 150)
    return (from ? '… ' : '') + text.slice(from, to) + (to < text.length ? ' …' : '')
  }

  const resultOf = ({ entry }, words) => {
    const link = make('a', { href: document.body.dataset.root + entry.u },
      ...marked(entry.h ? `${entry.t}: ${entry.h}` : entry.t, words),
      make('span', {}, ...marked(excerpt(entry.x, words), words)))
    link.addEventListener('click', () => dialog.close())
    return make('li', {}, link)
  }

  const loadIndex = () => new Promise((resolve, reject) => {
    if (window.searchIndex) return resolve(window.searchIndex)
    const script = make('script', { src: document.body.dataset.root + 'search-index.js' })
    script.onload = () => resolve(window.searchIndex)
    script.onerror = () => { script.remove(); reject(new Error('not loaded')) }
    document.head.append(script)
  })

  let dialog, field, count, list
  const build = () => {
    field = make('input', { type: 'search', 'aria-label': 'Search the workshop', placeholder: 'Search the workshop', autocomplete: 'off', spellcheck: 'false' })
    count = make('p', { class: 'search-count', role: 'status' })
    list = make('ul', { class: 'search-results' })
    const close = make('button', { type: 'button', class: 'tool' }, 'Close')
    close.addEventListener('click', () => dialog.close())
    dialog = make('dialog', { 'aria-label': 'Search', id: 'search' }, make('div', { class: 'search-head' }, field, close), count, list)
    document.body.append(dialog)
    field.addEventListener('input', search)
    dialog.addEventListener('click', e => { if (e.target === dialog) dialog.close() })
    dialog.addEventListener('keydown', move)
  }

  const search = async () => {
    const words = wordsOf(field.value)
    let index
    try {
      index = await loadIndex()
    } catch {
      count.textContent = 'The search index could not be loaded.'
      return
    }
    if (wordsOf(field.value).join() !== words.join()) return
    const hits = words.length ? find(index, words) : []
    list.replaceChildren(...hits.slice(0, most).map(hit => resultOf(hit, words)))
    count.textContent = !words.length ? 'All words must occur. The beginning of a word is enough.'
      : hits.length > most ? `${hits.length} places, the first ${most} are shown`
      : hits.length === 1 ? '1 place' : `${hits.length || 'No'} places`
  }

  // move goes from the field to the results and back, and out. Without it, the first
  // Escape would only empty the field.
  const move = e => {
    if (e.key === 'Escape') {
      e.preventDefault()
      dialog.close()
      return
    }
    const links = all('a', list)
    const at = links.indexOf(document.activeElement)
    const inField = document.activeElement === field
    if (!links.length || (!inField && at < 0)) return
    if (e.key === 'Enter' && inField) links[0].click()
    else if (e.key === 'ArrowDown') (links[at + 1] ?? links[at]).focus()
    else if (e.key === 'ArrowUp' && !inField) (links[at - 1] ?? field).focus()
    else return
    e.preventDefault()
  }

  const openSearch = () => {
    if (!dialog) build()
    if (!dialog.open) dialog.showModal()
    field.focus()
    field.select()
    search()
  }
  $('#search-open').addEventListener('click', openSearch)
  addEventListener('keydown', e => {
    const typing = e.target.closest?.('input, textarea, select, [contenteditable]')
    if (e.key !== '/' || e.ctrlKey || e.metaKey || e.altKey || typing) return
    e.preventDefault()
    openSearch()
  })
})()
