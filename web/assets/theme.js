// Dark or light as chosen here before; loaded before anything is drawn.
{
  const chosen = localStorage.getItem('theme');
  if (chosen) document.documentElement.dataset.theme = chosen;
}
