// The site's build copies the chart library to vendor/; its types are those of the npm package.
declare module '*/vendor/uPlot.esm.js' {
  import uPlot from 'uplot';
  export default uPlot;
}
