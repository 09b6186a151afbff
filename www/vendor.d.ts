// The site's build makes a module of the chart library in vendor/; its types are those of the npm package.
declare module '*/vendor/uPlot.js' {
  import uPlot from 'uplot';
  export default uPlot;
}
